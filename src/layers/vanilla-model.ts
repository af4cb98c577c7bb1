import { LipError } from '../errors.ts'
import { createLayer } from './config/layer-registry.ts'
import { isCondensable } from './lipschitz-layer.ts'
import * as tf from './tf.ts'

/**
 * A copy of a sequential model with plain weights: reparametrised layers become Dense and Conv2D with their effective kernels
 * (an activation that TensorFlow.js does not know by name becomes a layer of its own), all others are copied with their
 * weights. The original and the copy share nothing.
 */
export function vanillaModel(model: tf.LayersModel): tf.LayersModel {
  if (!(model instanceof tf.Sequential)) {
    throw new LipError('USAGE', 'vanillaModel takes a sequential model; use Model.vanillaExport for a functional one.')
  }
  const copy = tf.sequential({ name: model.name })
  const inputShape = model.inputs[0]!.shape
  for (const layer of model.layers) {
    for (const plain of plainLayers(layer)) {
      if (copy.layers.length === 0) {
        // The first layer needs an input; a built one is connected to a fresh symbolic tensor.
        copy.add(tf.layers.inputLayer({ batchInputShape: inputShape }))
      }
      copy.add(plain.layer)
      if (plain.weights.length > 0) plain.layer.setWeights(plain.weights as tf.Tensor[])
      tf.dispose(plain.weights as tf.Tensor[])
    }
  }
  return copy
}

interface PlainLayer {
  readonly layer: tf.layers.Layer
  /** Owned by the reader. */
  readonly weights: readonly tf.Tensor[]
}

function plainLayers(layer: tf.layers.Layer): PlainLayer[] {
  const exported = isCondensable(layer) ? layer.vanillaExport() : layer
  const parts = exported instanceof tf.Sequential ? exported.layers : [exported]
  const result = parts
    .filter((part) => part.getClassName() !== 'InputLayer')
    .map((part) => {
      const config = { ...(part.getConfig() as Record<string, unknown>) }
      delete config.batchInputShape
      delete config.batch_input_shape
      return {
        layer: createLayer({ className: part.getClassName(), config }),
        weights: part.getWeights().map((weight) => tf.clone(weight)),
      }
    })
  if (exported !== layer)
    exported.weights.forEach((weight) => {
      weight.dispose()
    })
  return result
}
