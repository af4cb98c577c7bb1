import { LipError } from '../errors.ts'
import type { GraphBuilder } from '../onnx/builder.ts'
import type { Shape } from '../onnx/ir.ts'
import type { LayerDescription, NetworkDescription } from './description.ts'
import { restoreOrder } from './lowering/channels.ts'
import { unsupported } from './lowering/config.ts'
import { LOWERINGS } from './lowering/index.ts'
import type { Hand, LayerLowering, LoweredWeight, Lowering, Share } from './lowering/lowering.ts'
import { scaleBy } from './lowering/scaling.ts'

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
  /** Output of a Sqrt node -> what training adds to it in its gradient. */
  readonly roots: ReadonlyMap<string, number>
}

export interface LowerOptions {
  /** 'N' for a dynamic batch, or a fixed size. */
  readonly batch: number | string
  /** 'initializers' writes the effective weights into the file; 'inputs' leaves them to be fed (training). */
  readonly weights: 'initializers' | 'inputs'
  /** Positive factor to multiply the logits with. */
  readonly outputScale?: number
}

/**
 * Writes a network into `builder`, layer by layer: only Conv, Gemm and standard operators, channels first.
 *
 * @throws LipError CONFIG_INVALID for a layer that plain ONNX cannot express
 */
export function lower(network: NetworkDescription, builder: GraphBuilder, options: LowerOptions): LoweredNetwork {
  const shape = network.inputShape
  const inputDims = shape.length > 1 ? [shape[shape.length - 1]!, ...shape.slice(0, -1)] : [...shape]
  const input = builder.input('input', [options.batch, ...inputDims])
  const names = new Set(network.layers.map((layer) => layer.name))
  const weights: LoweredWeight[] = []
  const claims = new Map<string, Share>()
  const roots = new Map<string, number>()
  let producer: readonly LoweredWeight[] | undefined
  let operands: readonly Hand[] = []
  const declare = (weight: LoweredWeight): string => {
    weights.push(weight)
    return weight.tensor
  }

  const desk: Lowering = {
    tensor: input,
    shape,
    order: undefined,
    training: options.weights === 'inputs',
    get producer() {
      return producer
    },
    get operands() {
      return operands
    },
    take(hand) {
      desk.tensor = hand.tensor
      desk.shape = hand.shape
      desk.order = hand.order
      producer = hand.producer
    },
    weight(layer, role, dims, order, channelAxis = 0) {
      if (!names.has(layer.name) && desk.training) throw unsupported(layer, 'has weights inside an activation')
      return declare({ tensor: `${layer.name}/${role}`, layer: layer.name, role, dims, order, channelAxis })
    },
    fixed(layer, role, dims, data, order) {
      if (desk.training) throw unsupported(layer, 'computes with its weights before it uses them in training')
      return declare({ tensor: `${layer.name}/${role}`, layer: layer.name, role, dims, order, data })
    },
    produced(layer) {
      producer = layer && weights.filter((weight) => weight.layer === layer.name)
    },
    carried(layer) {
      producer = producer && [...producer, ...weights.filter((weight) => weight.layer === layer.name)]
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
  }

  const start: Hand = { tensor: input, shape, order: undefined, producer: undefined }
  const hands = new Map<string, Hand>()
  const readers = countReaders(network)
  let last = start
  for (const layer of network.layers) {
    operands = layer.inputs === undefined ? [last] : layer.inputs.map((name) => hands.get(name)!)
    desk.take(operands[0] ?? start)
    loweringOf(layer)(desk, layer)
    // Where several layers read the tensor, none of them may turn its channels around.
    const shared = (readers.get(layer.name) ?? 0) > 1
    last = { tensor: desk.tensor, shape: desk.shape, order: desk.order, producer: shared ? undefined : producer }
    hands.set(layer.name, last)
  }
  if (network.output !== undefined) last = hands.get(network.output)!
  desk.take(last)
  restoreOrder(desk, 'output/order')
  if (options.outputScale !== undefined) scaleOutput(desk, weights, options.outputScale)
  declareWeights(network.layers, weights, builder, options)
  const dims = desk.shape.length > 1 ? [desk.shape[desk.shape.length - 1]!, ...desk.shape.slice(0, -1)] : desk.shape
  builder.output(desk.tensor, [options.batch, ...dims])
  return { input, inputDims, output: desk.tensor, classes: desk.shape[0]!, weights, claims, roots }
}

function loweringOf(layer: LayerDescription): LayerLowering {
  const lowering = Object.hasOwn(LOWERINGS, layer.className) ? LOWERINGS[layer.className] : undefined
  if (lowering) return lowering
  throw new LipError('CONFIG_INVALID', `Layer '${layer.name}' is a ${layer.className}, which has no ONNX form here.`, {
    hint: `Layers that can be exported: ${Object.keys(LOWERINGS).join(', ')}.`,
  })
}

/** How many layers read each layer's output; the network's output counts as one. */
function countReaders({ layers, output }: NetworkDescription): Map<string, number> {
  const readers = new Map<string, number>()
  const read = (name: string): unknown => readers.set(name, (readers.get(name) ?? 0) + 1)
  layers.forEach((layer, i) => {
    const sources = layer.inputs ?? layers.slice(i - 1, i).map(({ name }) => name)
    for (const name of sources) read(name)
  })
  if (output !== undefined) read(output)
  return readers
}

/** Multiplies the logits by a positive factor: in the weights that make them where there are such. */
function scaleOutput(desk: Lowering, weights: LoweredWeight[], factor: number): void {
  const makers = desk.producer
  // Nothing but the linear map itself: an activation need not pass a factor on.
  if (!makers?.length || desk.tensor !== `${makers[0]!.layer}:0`) {
    scaleBy(desk, 'output/scale', factor)
    return
  }
  weights.forEach((weight, i) => {
    if (makers.includes(weight)) weights[i] = { ...weight, factor }
  })
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
    const array = weight.data ? { data: weight.data } : byName.get(weight.layer)?.weights[weight.role]
    if (!array || array.data.length !== weight.order.length) {
      throw new LipError(
        'CONFIG_INVALID',
        `Layer '${weight.layer}' needs a ${weight.role} of ${weight.order.length} numbers but has ${array?.data.length ?? 'none'}.`,
      )
    }
    const data = reorder(array.data, weight.order)
    const { factor } = weight
    builder.initializer(weight.tensor, weight.dims, factor === undefined ? data : data.map((value) => value * factor))
  }
}

/** onnx[i] = layer[order[i]]. */
export function reorder(data: Float32Array, order: Int32Array): Float32Array {
  const out = new Float32Array(order.length)
  for (let i = 0; i < order.length; i++) out[i] = data[order[i]!]!
  return out
}
