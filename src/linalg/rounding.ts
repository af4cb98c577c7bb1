/**
 * Outward rounding without directed rounding modes: JavaScript rounds to nearest, so every bound is computed plainly and
 * then widened by an a-priori error bound (Higham, Accuracy and Stability of Numerical Algorithms, chapter 3).
 * @module
 */

/** Unit roundoff of binary64: |fl(a op b) - (a op b)| <= UNIT |a op b| when nothing underflows. */
export const UNIT = 2 ** -53

/** g(k) = k u / (1 - k u): relative error of k roundings in any order (Higham, lemma 3.1); Infinity when k u is not small. */
export function gamma(k: number): number {
  const ku = k * UNIT
  return ku < 0.25 ? (ku / (1 - ku)) * (1 + 2 ** -48) : Number.POSITIVE_INFINITY
}

const float = new Float64Array(1)
const bits = new BigInt64Array(float.buffer)

/** The next double above x; Infinity stays, NaN stays. */
export function nextUp(x: number): number {
  if (Number.isNaN(x) || x === Number.POSITIVE_INFINITY) return x
  if (x === 0) return Number.MIN_VALUE
  float[0] = x
  bits[0] = bits[0]! + (x > 0 ? 1n : -1n)
  return float[0]
}

/** The next double below x. */
export function nextDown(x: number): number {
  return -nextUp(-x)
}

/**
 * An upper bound of the real number that the non-negative `x` approximates within `operations` roundings.
 * An exact 0 stays 0: callers scale first, so that 0 never comes from underflow.
 */
export function upward(x: number, operations = 1): number {
  return x === 0 ? 0 : nextUp(x * (1 + (operations + 2) * 2 ** -52))
}

/** A lower bound (>= 0) of the real number that the non-negative `x` approximates within `operations` roundings. */
export function downward(x: number, operations = 1): number {
  return x > 0 ? Math.max(0, nextDown(x * (1 - (operations + 2) * 2 ** -52))) : 0
}
