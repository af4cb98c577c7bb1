import * as tf from '../tf.ts'
import { constant } from './constant.ts'
import { l2Normalize } from './l2-normalize.ts'
import { canReadSync, readScalar } from './sync-read.ts'

export interface PowerIterationOptions {
  readonly eps: number
  readonly maxiter: number
  /** Treat the resulting vector as a constant (deel-lip's default). */
  readonly stopGradient?: boolean
}

/**
 * deel-lip's `_power_iteration`: u <- A*(A(u)) / ||A*(A(u))|| until u moves by less than `eps`; at least one step.
 * Only u is normalised. ||A u|| approaches ||A|| from below, so it is an estimate and never a bound.
 *
 * @param through tensors that A depends on (they get a zero gradient when `stopGradient` is on)
 */
export function powerIteration<T extends tf.Tensor>(
  apply: (u: T) => tf.Tensor,
  adjoint: (v: tf.Tensor) => T,
  u: T,
  { eps, maxiter, stopGradient = true }: PowerIterationOptions,
): T {
  const iterate = (start: T): T => {
    let current = l2Normalize(start)
    // deel-lip starts with old = u + 2 eps, a distance of 2 eps sqrt(n) >= eps: the first step always runs.
    for (let i = 0; i < maxiter; i++) {
      const next = l2Normalize(adjoint(apply(current)))
      const settled = canReadSync() && readScalar(tf.norm(tf.sub(next, current))) < eps
      current = next
      if (settled) break
    }
    return current
  }
  return stopGradient ? (constant([u], (start) => iterate(start as T)) as T) : iterate(u)
}
