/**
 * Layers of a network made again in another thread, from plain data.
 * @module
 */
import { LipError } from '../errors.ts'
import { createLayer, isOwnLayer } from '../layers/config/layer-registry.ts'
// Loading the index registers every layer under its name.
import '../layers/index.ts'
import { ReparametrisedLayer } from '../layers/reparametrised-layer.ts'
import type * as tf from '../layers/tf.ts'

/** Goes through `postMessage`. */
export interface LayerCopy {
  readonly className: string
  readonly config: Readonly<Record<string, unknown>>
}

/** TensorFlow.js' own layers that treat each sample by itself in training, without randomness. */
const SAMPLEWISE = new Set([
  ...['Activation', 'ReLU', 'LeakyReLU', 'ELU', 'PReLU', 'ThresholdedReLU', 'Softmax'],
  ...['Flatten', 'Reshape', 'Permute', 'RepeatVector', 'ZeroPadding2D', 'Cropping2D', 'UpSampling2D'],
  ...['Dense', 'Conv1D', 'Conv2D', 'Conv2DTranspose', 'DepthwiseConv2D', 'SeparableConv2D', 'LayerNormalization'],
  ...['MaxPooling1D', 'MaxPooling2D', 'AveragePooling1D', 'AveragePooling2D'],
  ...['GlobalMaxPooling1D', 'GlobalMaxPooling2D', 'GlobalAveragePooling1D', 'GlobalAveragePooling2D'],
])

/**
 * Why the network's training pass over a batch is not that over its parts, or cannot be copied: statistics of the batch, state
 * outside the reparametrisation, layers that nothing is known of. undefined where it can be divided.
 */
export function indivisible(layers: readonly tf.layers.Layer[]): string | undefined {
  for (const layer of layers) {
    const what = `layer '${layer.name}' (${layer.getClassName()})`
    if (!isSamplewise(layer)) return `${what} may look at the whole batch`
    if (!canBeCopied(layer)) return `${what} cannot be copied into a thread`
  }
  return undefined
}

function isSamplewise(layer: tf.layers.Layer): boolean {
  if (layer instanceof ReparametrisedLayer) return layer.activation === null || isSamplewise(layer.activation)
  return (
    layer.nonTrainableWeights.length === 0 && (isOwnLayer(layer.getClassName()) || SAMPLEWISE.has(layer.getClassName()))
  )
}

function canBeCopied(layer: tf.layers.Layer): boolean {
  const copy = layerCopy(layer)
  try {
    return canonical(layerCopy(createLayer(copy)).config) === canonical(copy.config)
  } catch (error) {
    if (error instanceof LipError) return false
    throw error
  }
}

/** The copy's weights are read from the step, so they start as zeros, which costs least. */
export function layerCopy(layer: tf.layers.Layer): LayerCopy {
  const entries = Object.entries(layer.getConfig()).map(([key, value]) => [
    key,
    /_initializer$|Initializer$/.test(key) ? 'zeros' : value,
  ])
  return { className: layer.getClassName(), config: Object.fromEntries(entries) }
}

/** Builds the copies, one after another. */
export function buildLayers(copies: readonly LayerCopy[], inputShape: readonly number[]): tf.layers.Layer[] {
  let shape: tf.Shape = [null, ...inputShape]
  return copies.map(({ className, config }) => {
    const layer = createLayer({ className, config })
    layer.build(shape)
    layer.built = true
    shape = layer.computeOutputShape(shape) as tf.Shape
    return layer
  })
}

function canonical(config: LayerCopy['config']): string {
  return JSON.stringify(config, (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
}
