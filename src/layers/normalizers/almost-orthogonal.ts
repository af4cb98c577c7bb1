import { conv2d } from '../kernels/conv2d.ts'
import { matMul } from '../kernels/mat-mul.ts'
import * as tf from '../tf.ts'
import { constant } from './constant.ts'
import { roundingMargin } from './sound-norm-bound.ts'

/**
 * Almost-orthogonal rescaling (Prach and Lampert 2022, arXiv:2208.03160): for any matrix P and any q > 0, P diag(t^(-1/2)) with
 * t_i = sum_j |P^T P|_ij q_j / q_i has spectral norm at most 1. A closed form: no iteration, a bound at every step.
 *
 * @param kernel [rows, columns]
 * @param q [columns], positive
 */
export function almostOrthogonalColumns(kernel: tf.Tensor2D, q: tf.Tensor1D): tf.Tensor2D {
  const scaled = unitScaled(kernel) as tf.Tensor2D
  const gram = tf.abs(matMul(tf.transpose(scaled), scaled)) as tf.Tensor2D
  const sums = tf.reshape(matMul(gram, tf.reshape(q, [-1, 1])), [-1]) as tf.Tensor1D
  return tf.mul(scaled, inverseRoot(sums, q, kernel.shape[0]))
}

/**
 * The same for a convolution, normalised over the axis `of`: t_i sums the autocorrelation of the filters over channels and
 * offsets, which bounds the rows of K^T K (or K K^T) on the infinite grid. Zero padding and strides only drop rows and columns.
 *
 * @param kernel HWIO
 */
export function almostOrthogonalConvolution(
  kernel: tf.Tensor4D,
  q: tf.Tensor1D,
  of: 'inputs' | 'outputs',
): tf.Tensor4D {
  const scaled = unitScaled(kernel) as tf.Tensor4D
  const [kh, kw, cin, cout] = kernel.shape
  // The channels i as images, correlated with the channels j as filters, over the other channel axis.
  const images = tf.transpose(scaled, of === 'inputs' ? [2, 0, 1, 3] : [3, 0, 1, 2]) as tf.Tensor4D
  const filters = of === 'inputs' ? (tf.transpose(scaled, [0, 1, 3, 2]) as tf.Tensor4D) : scaled
  const correlation = conv2d(images, filters, {
    strides: [1, 1],
    padding: { top: kh - 1, bottom: kh - 1, left: kw - 1, right: kw - 1 },
  })
  const magnitudes = tf.sum(tf.abs(correlation), [1, 2]) as tf.Tensor2D
  const sums = tf.reshape(matMul(magnitudes, tf.reshape(q, [-1, 1])), [-1]) as tf.Tensor1D
  const scale = inverseRoot(sums, q, kh * kw * (of === 'inputs' ? cout : cin))
  return tf.mul(scaled, of === 'inputs' ? tf.reshape(scale, [cin, 1]) : scale)
}

/** Entries of size one; the unit cancels in the result. */
function unitScaled(kernel: tf.Tensor): tf.Tensor {
  const unit = constant([kernel], (w) => tf.maximum(tf.max(tf.abs(w!)), 1e-30))
  return tf.div(kernel, unit)
}

function inverseRoot(sums: tf.Tensor1D, q: tf.Tensor1D, terms: number): tf.Tensor1D {
  const t = tf.maximum(tf.div(sums, q), 1e-20)
  return tf.mul(tf.div(1, tf.sqrt(t)), 1 - roundingMargin(terms))
}
