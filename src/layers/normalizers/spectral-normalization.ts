import { matMul } from '../kernels/mat-mul.ts'
import * as tf from '../tf.ts'
import { powerIteration } from './power-iteration.ts'

/**
 * deel-lip's `spectral_normalization`: W / (sigma + eps) with sigma = ||u W^T|| after power iteration.
 * sigma <= ||W||, so the result may have a norm slightly above 1: see `reshapedKernelOrthogonalization` for the strict form.
 *
 * @param kernel [rows, columns]
 * @param u [1, columns], warm start
 */
export function spectralNormalization(
  kernel: tf.Tensor2D,
  u: tf.Tensor2D,
  options: { readonly eps: number; readonly maxiter: number; readonly stopGradient?: boolean },
): { wbar: tf.Tensor2D; u: tf.Tensor2D; sigma: tf.Tensor2D } {
  const transposed = tf.transpose(kernel)
  const vector = powerIteration<tf.Tensor2D>(
    (x) => matMul(x, transposed),
    (v) => matMul(v as tf.Tensor2D, kernel),
    u,
    options,
  )
  const sigma = tf.reshape(tf.sqrt(tf.sum(tf.square(matMul(vector, transposed)))), [1, 1]) as tf.Tensor2D
  return { wbar: tf.div(kernel, tf.add(sigma, options.eps)), u: vector, sigma }
}
