import { LipError } from '../errors.ts'
import { withSnakeKeys } from '../layers/config/python-keys.ts'
import { withoutPackage } from '../layers/config/serialized-object.ts'
import { ReparametrisedLayer } from '../layers/reparametrised-layer.ts'
import * as tf from '../layers/tf.ts'
import type { LayerDescription, NetworkDescription, WeightArray } from './description.ts'

/**
 * A trained network as the exporter takes it: the weights that its inference uses, every reparametrisation applied.
 *
 * @param inputShape of one sample, channels last
 */
export function describeNetwork(
  name: string,
  layers: readonly tf.layers.Layer[],
  inputShape: readonly number[],
): NetworkDescription {
  return { name, inputShape, layers: layers.map(describeLayer) }
}

/**
 * The same for a model with branches: what each layer reads comes from the model's graph.
 *
 * @throws LipError CONFIG_INVALID for a model of several inputs or outputs, or with layers that are used several times
 */
export function describeModel(model: tf.LayersModel): NetworkDescription {
  const [input] = model.inputs
  const inputShape = input!.shape.slice(1).map(Number)
  if (model instanceof tf.Sequential) return describeNetwork(model.name, model.layers, inputShape)
  if (model.inputs.length !== 1 || model.outputs.length !== 1)
    throw refused(model, `has ${model.inputs.length} inputs and ${model.outputs.length} outputs`)
  const layers = model.layers.map((layer) => {
    const nodes = layer.inboundNodes as unknown as readonly { readonly inboundLayers: readonly tf.layers.Layer[] }[]
    if (nodes.length !== 1) throw refused(model, `uses its layer '${layer.name}' ${nodes.length} times`)
    return { ...describeLayer(layer), inputs: nodes[0]!.inboundLayers.map(({ name }) => name) }
  })
  return { name: model.name, inputShape, layers, output: model.outputs[0]!.sourceLayer.name }
}

function refused(model: tf.LayersModel, what: string): LipError {
  return new LipError('CONFIG_INVALID', `The model '${model.name}' ${what}, which cannot be exported.`)
}

function describeLayer(layer: tf.layers.Layer): LayerDescription {
  return {
    className: withoutPackage(layer.getClassName()),
    name: layer.name,
    config: withSnakeKeys(layer.getConfig()),
    weights: weightsOf(layer),
  }
}

function weightsOf(layer: tf.layers.Layer): Record<string, WeightArray> {
  // The activation's weights are among its layer's.
  const { activation } = layer as { activation?: unknown }
  const inner = activation instanceof tf.layers.Layer ? activation.weights : []
  const own = layer.weights.filter((weight) => !inner.includes(weight))
  const activations = inner.map((weight) => [`activation/${roleOf(weight)}`, toArray(weight.read())] as const)
  if (layer instanceof ReparametrisedLayer) {
    const { kernel, bias } = layer.effectiveWeights(false)
    const weights = { kernel: toArray(kernel), ...(bias && { bias: toArray(bias) }) }
    kernel.dispose()
    bias?.dispose()
    return { ...weights, ...Object.fromEntries(activations) }
  }
  return Object.fromEntries([...own.map((weight) => [roleOf(weight), toArray(weight.read())] as const), ...activations])
}

/** Layers of TensorFlow.js itself: '<layer>/kernel', '<layer>/bias', ... */
function roleOf(weight: tf.LayerVariable): string {
  return weight.originalName.replace(/^.*\//, '')
}

function toArray(tensor: tf.Tensor): WeightArray {
  return { dims: tensor.shape, data: Float32Array.from(tensor.dataSync()) }
}
