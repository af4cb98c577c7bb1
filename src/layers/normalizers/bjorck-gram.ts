import { matMul } from '../kernels/mat-mul.ts'
import * as tf from '../tf.ts'
import { canReadSync, readScalar } from './sync-read.ts'

export interface BjorckOptions {
  readonly eps: number
  readonly beta: number
  readonly maxiter: number
}

/** Steps between two true products with the tall matrix: 2.25^8 times a rounding of 1e-7 stays below 1e-3. */
const SEGMENT = 8

type Stage =
  /** w' = (1 + beta) w - beta w (w^T w): positions of w and w^T w among the saved tensors. */
  | { readonly kind: 'step'; readonly w: number; readonly gram: number }
  /** w' = w P, with P a polynomial of w^T w. */
  | { readonly kind: 'segment'; readonly w: number; readonly product: number; readonly steps: readonly GramStep[] }

interface GramStep {
  /** M = (1 + beta) I - beta X */
  readonly m: number
  /** K = X M */
  readonly k: number
  /** P before this step; undefined is the identity. */
  readonly p: number | undefined
}

/**
 * Björck orthonormalisation of a tall matrix, organised for speed and safety.
 *
 * w <- w M with M = (1 + beta) I - beta w^T w, and w^T w <- M w^T w M: a run of steps needs the small Gram matrix only, and
 * the tall matrix is multiplied once by the product of the M's. Rounding lets the tracked Gram matrix drift from the true
 * one, so the last step is always taken with the true w^T w. With beta = 1/2 that step maps every singular value in [0, 2]
 * into [-1, 1] (|1.5 s - 0.5 s^3| <= 1 there, equality at 1 and 2): the result has norm at most 1 whatever happened before,
 * as long as the input's norm is at most 2. For beta < 1/2 the map is increasing on [0, 1] with fixed point 1, the input must
 * have norm at most 1, and every step is taken with the true Gram matrix.
 *
 * @param w [rows, columns] with rows >= columns
 */
export function bjorckGram(w: tf.Tensor2D, options: BjorckOptions): tf.Tensor2D {
  const op = tf.customGrad((...args) => {
    const [input, save] = args as unknown as [tf.Tensor2D, tf.GradSaveFunc]
    const kept: tf.Tensor[] = []
    const { value, stages } = forward(input, options, (tensor) => kept.push(tensor) - 1)
    save(kept)
    return {
      value,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        backward(dy as tf.Tensor2D, stages, saved as tf.Tensor2D[], options.beta),
    }
  })
  return op(w) as tf.Tensor2D
}

function forward(
  input: tf.Tensor2D,
  { eps, beta, maxiter }: BjorckOptions,
  keep: (tensor: tf.Tensor) => number,
): { value: tf.Tensor2D; stages: readonly Stage[] } {
  const [rows, columns] = input.shape
  const inGram = beta === 0.5 && rows >= 2 * columns
  const stages: Stage[] = []
  const identity = tf.eye(columns)
  let w = input
  let remaining = maxiter
  while (remaining > 0) {
    const gram = matMul(tf.transpose(w), w)
    if (inGram && remaining > 1) {
      const segment = gramSegment(gram, identity, { eps, beta, limit: Math.min(SEGMENT, remaining - 1) }, keep)
      remaining -= segment.steps.length
      if (segment.product !== undefined) {
        stages.push({ kind: 'segment', w: keep(w), product: keep(segment.product), steps: segment.steps })
        w = matMul(w, segment.product)
        if (!segment.settled && remaining > 1) continue
        const true_ = trueStep(w, matMul(tf.transpose(w), w), beta, keep, stages)
        return { value: true_, stages }
      }
    }
    const next = trueStep(w, gram, beta, keep, stages)
    remaining--
    const settled = canReadSync() && readScalar(tf.norm(tf.sub(next, w))) < eps
    w = next
    if (settled) break
  }
  return { value: w === input ? tf.clone(w) : w, stages }
}

function trueStep(
  w: tf.Tensor2D,
  gram: tf.Tensor2D,
  beta: number,
  keep: (tensor: tf.Tensor) => number,
  stages: Stage[],
): tf.Tensor2D {
  stages.push({ kind: 'step', w: keep(w), gram: keep(gram) })
  return tf.sub(tf.mul(w, 1 + beta), tf.mul(matMul(w, gram), beta))
}

function gramSegment(
  gram: tf.Tensor2D,
  identity: tf.Tensor2D,
  { eps, beta, limit }: { readonly eps: number; readonly beta: number; readonly limit: number },
  keep: (tensor: tf.Tensor) => number,
): { steps: readonly GramStep[]; product: tf.Tensor2D | undefined; settled: boolean } {
  const steps: GramStep[] = []
  let x = gram
  let product: tf.Tensor2D | undefined
  while (steps.length < limit) {
    const m = tf.sub(tf.mul(identity, 1 + beta), tf.mul(x, beta)) as tf.Tensor2D
    const k = matMul(x, m)
    // ||w (M - I)||_F^2 = tr((M - I) X (M - I)), and X (M - I) = K - X: the size of the step that would be taken.
    if (canReadSync()) {
      const square = readScalar(tf.sum(tf.mul(tf.sub(k, x), tf.sub(m, identity))))
      if (Math.sqrt(Math.max(0, square)) < eps) return { steps, product, settled: true }
    }
    steps.push({ m: keep(m), k: keep(k), p: product === undefined ? undefined : keep(product) })
    product = product === undefined ? m : matMul(product, m)
    x = matMul(m, k)
  }
  return { steps, product, settled: false }
}

function backward(dy: tf.Tensor2D, stages: readonly Stage[], saved: readonly tf.Tensor2D[], beta: number): tf.Tensor2D {
  let dw = dy
  for (const stage of stages.toReversed()) {
    const w = saved[stage.w]!
    const inner = matMul(tf.transpose(w), dw)
    if (stage.kind === 'step') {
      // d of w G with G = w^T w: dw G + w (w^T dw + (w^T dw)^T).
      const cube = tf.add(matMul(dw, saved[stage.gram]!), matMul(w, tf.add(inner, tf.transpose(inner))))
      dw = tf.sub(tf.mul(dw, 1 + beta), tf.mul(cube, beta))
      continue
    }
    const gram = segmentGradient(inner, stage.steps, saved, beta)
    dw = tf.add(matMul(dw, saved[stage.product]!), matMul(w, tf.add(gram, tf.transpose(gram))))
  }
  return dw
}

/** Cotangent of w^T w given that of P. All saved matrices are polynomials of one symmetric matrix: symmetric, commuting. */
function segmentGradient(
  dProduct: tf.Tensor2D,
  steps: readonly GramStep[],
  saved: readonly tf.Tensor2D[],
  beta: number,
): tf.Tensor2D {
  let dp = dProduct
  let dx: tf.Tensor2D | undefined
  for (const { m, k, p } of steps.toReversed()) {
    const mTensor = saved[m]!
    const kTensor = saved[k]!
    let dm = p === undefined ? dp : matMul(saved[p]!, dp)
    dp = matMul(dp, mTensor)
    if (dx !== undefined) {
      dm = tf.addN([dm, matMul(dx, kTensor), matMul(kTensor, dx)])
      dx = tf.sub(matMul(matMul(mTensor, dx), mTensor), tf.mul(dm, beta))
    } else {
      dx = tf.mul(dm, -beta)
    }
  }
  return dx!
}
