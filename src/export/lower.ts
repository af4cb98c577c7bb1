import { LipError } from '../errors.ts'
import type { GraphBuilder } from '../onnx/builder.ts'
import type { Shape } from '../onnx/ir.ts'
import type { LayerDescription, NetworkDescription } from './description.ts'
import { identity, reorderChannels } from './lowering/channels.ts'
import { LOWERINGS } from './lowering/index.ts'
import type { LoweredWeight, Lowering, Share } from './lowering/lowering.ts'

export type { LoweredWeight }

export interface LoweredNetwork {
  /** Name of the graph's image input, [batch, channels, height, width] or [batch, features]. */
  readonly input: string
  readonly inputDims: Shape
  /** Name of the logits, [batch, classes]. */
  readonly output: string
  readonly classes: number
  readonly weights: readonly LoweredWeight[]
  /** Node name -> what the network's own claim needs of it. */
  readonly claims: ReadonlyMap<string, Share>
  /** Product of the constants that scaled layers (pooling and sorting with k_coef_lip) multiply with. */
  readonly factor: number
  /** Output of a Sqrt node -> what training adds to it in its gradient. */
  readonly roots: ReadonlyMap<string, number>
}

export interface LowerOptions {
  /** 'N' for a dynamic batch, or a fixed size. */
  readonly batch: number | string
  /** 'initializers' writes the effective weights into the file; 'inputs' leaves them to be fed (training). */
  readonly weights: 'initializers' | 'inputs'
}

/**
 * Writes a network into `builder`, layer by layer: only Conv, Gemm and standard operators, channels first.
 *
 * @throws LipError CONFIG_INVALID for a layer that plain ONNX cannot express
 */
export function lower(network: NetworkDescription, builder: GraphBuilder, options: LowerOptions): LoweredNetwork {
  const shape = network.inputShape
  const inputDims = shape.length === 3 ? [shape[2]!, shape[0]!, shape[1]!] : [...shape]
  const input = builder.input('input', [options.batch, ...inputDims])
  const weights: LoweredWeight[] = []
  const claims = new Map<string, Share>()
  let factor = 1
  const roots = new Map<string, number>()
  let producer: LoweredWeight[] | undefined

  const desk: Lowering = {
    tensor: input,
    shape,
    order: undefined,
    get producer() {
      return producer
    },
    weight(layer, role, dims, order) {
      const tensor = `${layer.name}/${role}`
      weights.push({ tensor, layer: layer.name, role, dims, order })
      return tensor
    },
    produced(layer) {
      producer = layer && weights.filter((weight) => weight.layer === layer.name)
    },
    node: (name, op, inputs, attributes) => builder.node(op, inputs, attributes, { name, outputs: [`${name}:0`] }),
    nodes: (name, op, inputs, outputs, attributes) =>
      builder.nodes(op, inputs, outputs, attributes, {
        name,
        outputs: Array.from({ length: outputs }, (_, i) => `${name}:${i}`),
      }),
    constant: (name, data, dims) => builder.initializer(name, dims ?? [data.length], data),
    indices: (name, data) => builder.initializer(name, [data.length], data, 'int64'),
    damp: (root, epsilon) => roots.set(root, epsilon),
    claim: (node, share) => claims.set(node, share),
    scaled: (by) => {
      factor *= Math.abs(by)
    },
  }

  for (const layer of network.layers) {
    const lowering = LOWERINGS[layer.className]
    if (!lowering) {
      throw new LipError(
        'CONFIG_INVALID',
        `Layer '${layer.name}' is a ${layer.className}, which has no ONNX form here.`,
        {
          hint: `Layers that can be exported: ${Object.keys(LOWERINGS).join(', ')}.`,
        },
      )
    }
    lowering(desk, layer)
  }
  reorderChannels(desk, desk.producer, 'output/order', identity(desk.shape[desk.shape.length - 1]!))
  declareWeights(network.layers, weights, builder, options)
  builder.output(desk.tensor, [options.batch, ...desk.shape])
  return { input, inputDims, output: desk.tensor, classes: desk.shape[0]!, weights, claims, factor, roots }
}

function declareWeights(
  layers: readonly LayerDescription[],
  weights: readonly LoweredWeight[],
  builder: GraphBuilder,
  options: LowerOptions,
): void {
  const byName = new Map(layers.map((layer) => [layer.name, layer]))
  for (const weight of weights) {
    if (options.weights === 'inputs') {
      builder.input(weight.tensor, weight.dims)
      continue
    }
    const array = byName.get(weight.layer)?.weights[weight.role]
    if (!array || array.data.length !== weight.order.length) {
      throw new LipError(
        'CONFIG_INVALID',
        `Layer '${weight.layer}' needs a ${weight.role} of ${weight.order.length} numbers but has ${array?.data.length ?? 'none'}.`,
      )
    }
    builder.initializer(weight.tensor, weight.dims, reorder(array.data, weight.order))
  }
}

/** onnx[i] = layer[order[i]]. */
export function reorder(data: Float32Array, order: Int32Array): Float32Array {
  const out = new Float32Array(order.length)
  for (let i = 0; i < order.length; i++) out[i] = data[order[i]!]!
  return out
}
