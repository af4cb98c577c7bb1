import { createLayer } from './config/layer-registry.ts'
import { isCondensable } from './lipschitz-layer.ts'
import * as tf from './tf.ts'

/**
 * A copy of a model with plain weights: reparametrised layers become Dense and Conv2D with their effective kernels (an activation
 * that TensorFlow.js does not know by name becomes a layer of its own), all others are copied with their weights. The original
 * and the copy share nothing.
 */
export function vanillaModel(model: tf.LayersModel): tf.LayersModel {
  return model instanceof tf.Sequential ? vanillaSequential(model) : vanillaFunctional(model)
}

function vanillaSequential(model: tf.Sequential): tf.Sequential {
  const copy = tf.sequential({ name: model.name })
  copy.add(tf.layers.inputLayer({ batchInputShape: model.inputs[0]!.shape }))
  for (const layer of model.layers) {
    if (layer.getClassName() === 'InputLayer') continue
    for (const plain of plainLayers(layer)) {
      copy.add(plain.layer)
      plain.load()
    }
  }
  return copy
}

/** Walks from the outputs back; a layer that is used several times stays one layer. */
function vanillaFunctional(model: tf.LayersModel): tf.LayersModel {
  const made = new Map<tf.layers.Layer, PlainLayer[]>()
  const values = new Map<tf.SymbolicTensor, tf.SymbolicTensor>()
  const inputs = model.inputs.map((input) => {
    const copy = tf.input({ batchShape: input.shape, dtype: input.dtype, name: input.sourceLayer.name })
    values.set(input, copy)
    return copy
  })
  const copyOf = (tensor: tf.SymbolicTensor): tf.SymbolicTensor => {
    const known = values.get(tensor)
    if (known !== undefined) return known
    const { sourceLayer, nodeIndex } = tensor
    const node = (sourceLayer.inboundNodes as unknown as { inputTensors: tf.SymbolicTensor[] }[])[nodeIndex]!
    const arguments_ = node.inputTensors.map(copyOf)
    const layers = made.get(sourceLayer) ?? plainLayers(sourceLayer)
    made.set(sourceLayer, layers)
    let value: tf.SymbolicTensor | tf.SymbolicTensor[] = arguments_.length === 1 ? arguments_[0]! : arguments_
    for (const { layer } of layers) value = layer.apply(value) as tf.SymbolicTensor | tf.SymbolicTensor[]
    const result = Array.isArray(value) ? value[tensor.outputTensorIndex ?? 0]! : value
    values.set(tensor, result)
    return result
  }
  const outputs = model.outputs.map(copyOf)
  for (const layers of made.values()) for (const plain of layers) plain.load()
  return tf.model({ inputs, outputs, name: model.name })
}

interface PlainLayer {
  /** Not built yet. */
  readonly layer: tf.layers.Layer
  /** Writes the weights once it is built. */
  load(): void
}

function plainLayers(layer: tf.layers.Layer): PlainLayer[] {
  const exported = isCondensable(layer) ? layer.vanillaExport() : layer
  // A residual block: already a fresh model of plain layers.
  if (exported instanceof tf.LayersModel && !(exported instanceof tf.Sequential) && exported !== layer) {
    return [{ layer: exported, load: () => {} }]
  }
  const parts = exported instanceof tf.Sequential ? exported.layers : [exported]
  const result = parts
    .filter((part) => part.getClassName() !== 'InputLayer')
    .map((part) => {
      const config = { ...(part.getConfig() as Record<string, unknown>) }
      for (const key of ['batchInputShape', 'batch_input_shape']) delete config[key]
      const weights = part.getWeights().map((weight) => tf.clone(weight))
      const copy = createLayer({ className: part.getClassName(), config })
      return {
        layer: copy,
        load: () => {
          if (weights.length > 0) copy.setWeights(weights)
          tf.dispose(weights)
        },
      }
    })
  // The exported layer was a step on the way only.
  if (exported !== layer) tf.dispose(exported.weights.map((weight) => weight.read()))
  return result
}
