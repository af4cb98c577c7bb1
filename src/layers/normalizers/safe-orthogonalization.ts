import * as tf from '../tf.ts'
import { type BjorckOptions, bjorckGram } from './bjorck-gram.ts'
import { constant } from './constant.ts'
import { soundNormBound } from './sound-norm-bound.ts'

/**
 * Björck orthonormalisation without a power iteration: the scale is a proved bound of the norm, so the result has norm at most
 * 1 from any start, and no state is kept. The bound exceeds the norm by less than n^(1/64).
 *
 * @param matrix [rows, columns], any shape
 */
export function safeOrthogonalization(matrix: tf.Tensor2D, options: BjorckOptions): tf.Tensor2D {
  const [rows, columns] = matrix.shape
  const tall = rows >= columns ? matrix : tf.transpose(matrix)
  const unit = constant([tall], (w) => tf.maximum(tf.max(tf.abs(w!)), 1e-30))
  const scaled = tf.div(tall, unit) as tf.Tensor2D
  const bound = constant([scaled], (w) => tf.maximum(soundNormBound(w as tf.Tensor2D, 4), 1e-20))
  const orthogonal = bjorckGram(tf.div(scaled, bound) as tf.Tensor2D, options)
  return rows >= columns ? orthogonal : tf.transpose(orthogonal)
}
