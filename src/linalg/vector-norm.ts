import {
  binaryExponent,
  largestMagnitude,
  scaleByPowerOfTwo,
  scaleLowerBound,
  scaleUpperBound,
} from './power-of-two.ts'
import { gamma, nextUp } from './rounding.ts'

/** Sum of squares of v * 2^-exponent, where that brings the largest element into [1/2, 1). */
function scaledSquares(v: ArrayLike<number>, exponent: number): number {
  let sum = 0
  if (Math.abs(exponent) < 1000) {
    const factor = 2 ** -exponent
    for (let i = 0; i < v.length; i++) sum += (v[i]! * factor) ** 2
    return sum
  }
  for (let i = 0; i < v.length; i++) sum += scaleByPowerOfTwo(v[i]!, -exponent) ** 2
  return sum
}

/** An upper bound of the Euclidean norm, rounding paid. Infinity when an element is not finite. */
export function vectorNormUpper(v: ArrayLike<number>): number {
  const largest = largestMagnitude(v)
  if (largest === 0) return 0
  if (!Number.isFinite(largest)) return Number.POSITIVE_INFINITY
  const exponent = binaryExponent(largest)
  // The sum is at least 1/4: what underflows in a square (below 2^-1022 each) vanishes in the widening.
  const sum = scaledSquares(v, exponent) * (1 + gamma(v.length + 8))
  return scaleUpperBound(nextUp(nextUp(Math.sqrt(sum))), exponent)
}

/** A lower bound of the Euclidean norm, rounding paid. 0 when an element is not finite. */
export function vectorNormLower(v: ArrayLike<number>): number {
  const largest = largestMagnitude(v)
  if (largest === 0 || !Number.isFinite(largest)) return 0
  const exponent = binaryExponent(largest)
  const sum = scaledSquares(v, exponent) * Math.max(0, 1 - gamma(v.length + 8))
  return scaleLowerBound(Math.sqrt(sum) * (1 - 2 ** -51), exponent)
}
