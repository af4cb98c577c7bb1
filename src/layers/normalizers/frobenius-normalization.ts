import * as tf from '../tf.ts'
import { constant } from './constant.ts'
import type { Compat } from './defaults.ts'
import { roundingMargin } from './sound-norm-bound.ts'

/**
 * kernel / norm times `coef`: the norm of each column (`disjoint`, so that each output is coef-Lipschitz by itself) or of the
 * whole kernel (the Frobenius norm bounds the spectral norm, so the map as a whole is coef-Lipschitz).
 *
 * Strict: a zero column stays zero (deel-lip's is NaN), tiny and huge kernels neither vanish nor overflow in the squares,
 * and the slack covers float32 rounding.
 */
export function frobeniusNormalization(kernel: tf.Tensor, disjoint: boolean, coef: number, compat: Compat): tf.Tensor {
  const axes = disjoint ? [0] : kernel.shape.map((_, axis) => axis)
  if (compat !== null) return tf.mul(tf.div(kernel, tf.sqrt(tf.sum(tf.square(kernel), axes, true))), coef)
  const unit = constant([kernel], (w) => tf.maximum(tf.max(tf.abs(w), axes, true), 1e-30))
  const scaled = tf.div(kernel, unit)
  const norm = tf.sqrt(tf.maximum(tf.sum(tf.square(scaled), axes, true), 1e-30))
  const terms = disjoint ? kernel.shape[0]! : kernel.size
  return tf.mul(tf.div(scaled, norm), coef * (1 - roundingMargin(terms)))
}
