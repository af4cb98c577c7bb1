import { conv2d } from '../kernels/conv2d.ts'
import { matMul } from '../kernels/mat-mul.ts'
import * as tf from '../tf.ts'

/**
 * Kernel of the convolution `second` after `first`, both HWIO: K[d] = sum_{a + b = d} first[a] second[b]. Norms on the infinite
 * grid multiply at most.
 */
export function composeKernels(first: tf.Tensor4D, second: tf.Tensor4D): tf.Tensor4D {
  const [kh, kw] = second.shape
  const images = tf.transpose(first, [2, 0, 1, 3]) as tf.Tensor4D
  const composed = conv2d(images, tf.reverse(second, [0, 1]), {
    strides: [1, 1],
    padding: { top: kh - 1, bottom: kh - 1, left: kw - 1, right: kw - 1 },
  })
  return tf.transpose(composed, [1, 2, 0, 3]) as tf.Tensor4D
}

/** P = Q Q^T: symmetric, 0 <= P <= I whenever ||Q|| <= 1, a projector when Q has orthonormal columns. */
export function projector(q: tf.Tensor2D): tf.Tensor2D {
  return matMul(q, tf.transpose(q))
}

/**
 * The 2x2 kernel (P + (I - P) z)(R + (I - R) w) of Xiao et al. 2018: orthogonal for projectors P and R. For symmetric
 * 0 <= P <= I each factor is an average of a phase and 1 in P's eigenbasis, so its norm is at most 1, converged or not.
 */
export function blockKernel(p: tf.Tensor2D, r: tf.Tensor2D): tf.Tensor4D {
  const identity = tf.eye(p.shape[0])
  const rest = (x: tf.Tensor2D): tf.Tensor2D => tf.sub(identity, x)
  const parts = [matMul(p, r), matMul(p, rest(r)), matMul(rest(p), r), matMul(rest(p), rest(r))]
  return tf.reshape(tf.stack(parts), [2, 2, ...p.shape])
}

/** (I - 2 P)(I - 2 R) as a 1x1 kernel: orthogonal for projectors, norm at most 1 in any case. */
export function reflectionKernel(p: tf.Tensor2D, r: tf.Tensor2D): tf.Tensor4D {
  const identity = tf.eye(p.shape[0])
  const reflect = (x: tf.Tensor2D): tf.Tensor2D => tf.sub(identity, tf.mul(x, 2))
  return tf.reshape(matMul(reflect(p), reflect(r)), [1, 1, ...p.shape])
}
