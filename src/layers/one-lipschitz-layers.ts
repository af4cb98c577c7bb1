import type * as tf from './tf.ts'

const ALWAYS = new Set(['Softmax', 'Flatten', 'Reshape', 'InputLayer', 'Permute'])
const ACTIVATIONS = new Set(['linear', 'relu', 'sigmoid', 'tanh'])

/** Whether a layer of TensorFlow.js is known to be 1-Lipschitz in L2 (deel-lip's list, with its two slips mended). */
export function isSupportedOneLipschitzLayer(layer: tf.layers.Layer): boolean {
  const name = layer.getClassName()
  const config = layer.getConfig() as Record<string, unknown>
  if (ALWAYS.has(name)) return true
  if (name === 'MaxPooling2D') {
    const pool = config.poolSize as number[]
    const strides = config.strides as number[]
    // Every pixel in at most one window. Python compares the tuples lexicographically and lets (2, 3) with (3, 2) pass.
    return pool.every((size, axis) => size <= strides[axis]!)
  }
  // |slope| <= 1: deel-lip lets a negative slope of -5 pass.
  if (name === 'ReLU') return true
  if (name === 'LeakyReLU') return Math.abs(config.alpha as number) <= 1
  if (name === 'Activation') return ACTIVATIONS.has(config.activation as string)
  return false
}
