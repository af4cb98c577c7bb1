import { matMul } from '../kernels/mat-mul.ts'
import * as tf from '../tf.ts'
import { canReadSync, readScalar } from './sync-read.ts'

/**
 * deel-lip's `bjorck_normalization`: w <- (1 + beta) w - beta w w^T w until it moves by less than `eps` (Frobenius norm),
 * at most `maxiter` steps; `eps` null runs all of them. Each singular value s becomes (1 + beta) s - beta s^3.
 * Differentiated through every step that ran.
 */
export function bjorckNormalization(
  w: tf.Tensor2D,
  { eps, beta, maxiter }: { readonly eps: number | null; readonly beta: number; readonly maxiter: number },
): tf.Tensor2D {
  const [rows, columns] = w.shape
  let current = w
  // deel-lip starts with old = 10 w: the first step runs unless ||9 w|| < eps.
  if (eps !== null && canReadSync() && 9 * readScalar(tf.norm(w)) < eps) return w
  for (let i = 0; i < maxiter; i++) {
    const transposed = tf.transpose(current)
    const cube =
      rows > columns ? matMul(current, matMul(transposed, current)) : matMul(matMul(current, transposed), current)
    const next = tf.sub(tf.mul(current, 1 + beta), tf.mul(cube, beta)) as tf.Tensor2D
    const settled = eps !== null && canReadSync() && readScalar(tf.norm(tf.sub(next, current))) < eps
    current = next
    if (settled) break
  }
  return current
}
