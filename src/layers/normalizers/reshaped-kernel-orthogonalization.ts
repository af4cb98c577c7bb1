import { matMul } from '../kernels/mat-mul.ts'
import * as tf from '../tf.ts'
import { bjorckNormalization } from './bjorck.ts'
import { bjorckGram } from './bjorck-gram.ts'
import { constant } from './constant.ts'
import type { RkoOptions, RkoResult } from './defaults.ts'
import { l2Normalize } from './l2-normalize.ts'
import { powerIteration } from './power-iteration.ts'
import { roundingMargin, soundNormBound } from './sound-norm-bound.ts'
import { spectralNormalization } from './spectral-normalization.ts'

/**
 * deel-lip's RKO: the kernel reshaped to [prod(shape[:-1]), shape[-1]], spectral normalisation, Björck, times `coef`.
 *
 * Strict (compat null): the reshaped result has spectral norm at most |coef|, converged or not. With Björck at beta 1/2, whose
 * map tolerates norms up to 2, the scale is deel-lip's estimate from below, raised where it is less than half of a proved
 * bound. Without Björck, and for beta < 1/2, which tolerate 1, the scale is the proved bound itself (ten squarings: a thousandth
 * above the norm).
 *
 * @param kernel any rank >= 2
 * @param u [1, shape[-1]], warm start of the power iteration
 */
export function reshapedKernelOrthogonalization(
  kernel: tf.Tensor,
  u: tf.Tensor2D,
  coef: number,
  options: RkoOptions,
): RkoResult {
  const matrix = tf.reshape(kernel, [-1, kernel.shape.at(-1)!]) as tf.Tensor2D
  const result =
    options.compat === null
      ? strictRko(matrix, u, options)
      : options.compat === 'deel-lip'
        ? deelLipRko(matrix, u, options)
        : deelLip12Rko(matrix, u, options)
  const slack = options.compat === null ? 1 - roundingMargin(Math.max(...matrix.shape)) : 1
  return { ...result, wbar: tf.reshape(tf.mul(result.wbar, coef * slack), kernel.shape) }
}

interface MatrixResult {
  readonly wbar: tf.Tensor2D
  readonly u: tf.Tensor2D
  readonly sigma: tf.Tensor2D
}

function strictRko(matrix: tf.Tensor2D, u: tf.Tensor2D, options: RkoOptions): MatrixResult {
  const { epsSpectral, epsBjorck, betaBjorck, maxiterSpectral, maxiterBjorck } = options
  const [rows, columns] = matrix.shape
  const beta = epsBjorck === null || betaBjorck === null || maxiterBjorck < 1 ? null : betaBjorck
  // Entries of size one: tiny and huge kernels neither vanish nor overflow in w^T w. The unit cancels in every result.
  const unit = constant([matrix], (w) => tf.maximum(tf.max(tf.abs(w)), 1e-30))
  const scaled = tf.div(matrix, unit) as tf.Tensor2D

  const vector = constant([scaled, u], (a, start) =>
    powerIteration<tf.Tensor2D>(
      (x) => matMul(a as tf.Tensor2D, tf.reshape(x, [columns, 1])),
      (v) => matMul(tf.reshape(v, [1, rows]), a as tf.Tensor2D),
      start as tf.Tensor2D,
      { eps: epsSpectral, maxiter: maxiterSpectral, stopGradient: false },
    ),
  )
  const image = matMul(scaled, tf.reshape(vector, [columns, 1]))
  const sigma = tf.sqrt(tf.maximum(tf.sum(tf.square(image)), 1e-30))
  const eps = tf.div(epsSpectral, unit)
  const below = tf.add(sigma, eps)

  const tall = rows >= columns ? scaled : tf.transpose(scaled)
  const scale = beta === 0.5 ? raisedToHalfTheBound(tall, below) : tf.add(soundNormBound(tall, 10), eps)
  const normalized = tf.div(tall, scale) as tf.Tensor2D
  const orthogonal =
    beta === null ? normalized : bjorckGram(normalized, { eps: epsBjorck!, beta, maxiter: maxiterBjorck })
  return {
    wbar: rows >= columns ? orthogonal : tf.transpose(orthogonal),
    u: vector,
    sigma: tf.reshape(tf.mul(sigma, unit), [1, 1]),
  }
}

/**
 * The estimate from below, raised where it is less than half of a proved bound. Two squarings: the bound exceeds the norm by at
 * most n^(1/16) < 1.7 (n <= 4096), so a converged estimate stays as it is.
 */
function raisedToHalfTheBound(tall: tf.Tensor2D, below: tf.Tensor): tf.Tensor {
  const raise = constant([tall, below], (a, b) =>
    tf.maximum(tf.div(tf.div(soundNormBound(a as tf.Tensor2D, 2), 2), b!), 1),
  )
  return tf.mul(below, raise)
}

function deelLipRko(matrix: tf.Tensor2D, u: tf.Tensor2D, options: RkoOptions): MatrixResult {
  const normalized = spectralNormalization(matrix, u, {
    eps: options.epsSpectral,
    maxiter: options.maxiterSpectral,
    stopGradient: options.stopGradSpectral ?? true,
  })
  if (options.epsBjorck === null || options.betaBjorck === null) return normalized
  const wbar = bjorckNormalization(normalized.wbar, {
    eps: options.epsBjorck,
    beta: options.betaBjorck,
    maxiter: options.maxiterBjorck,
  })
  return { ...normalized, wbar }
}

/** Version 1.2.0: a fixed number of steps, u and v normalised, W / sigma without eps, gradients through everything. */
function deelLip12Rko(matrix: tf.Tensor2D, u: tf.Tensor2D, options: RkoOptions): MatrixResult {
  const transposed = tf.transpose(matrix)
  let vector = u
  let image = matMul(u, transposed)
  for (let i = 0; i < options.maxiterSpectral; i++) {
    image = l2Normalize(matMul(vector, transposed))
    vector = l2Normalize(matMul(image, matrix))
  }
  const sigma = matMul(matMul(image, matrix), tf.transpose(vector))
  const normalized = tf.div(matrix, sigma) as tf.Tensor2D
  const wbar =
    options.betaBjorck === null || options.maxiterBjorck < 1
      ? normalized
      : bjorckNormalization(normalized, { eps: null, beta: options.betaBjorck, maxiter: options.maxiterBjorck })
  return { wbar, u: vector, sigma }
}
