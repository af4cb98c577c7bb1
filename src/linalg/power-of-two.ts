/**
 * Exact scaling by powers of two, so that 1e-45 and 1e38 weights are analysed as numbers near 1: no underflow, no overflow.
 * @module
 */
import { nextDown, nextUp } from './rounding.ts'

/** x * 2^exponent for exponents in [-2200, 2200]; exact unless the result leaves the normal range. */
export function scaleByPowerOfTwo(x: number, exponent: number): number {
  let rest = exponent
  let value = x
  for (; rest > 1000; rest -= 1000) value *= 2 ** 1000
  for (; rest < -1000; rest += 1000) value *= 2 ** -1000
  return value * 2 ** rest
}

/** The e for which |x| 2^-e lies in [1/2, 1), for finite non-zero x. */
export function binaryExponent(x: number): number {
  let value = Math.abs(x)
  let exponent = 0
  if (value < 2 ** -1000) {
    value *= 2 ** 100
    exponent = -100
  }
  let guess = Math.ceil(Math.log2(value))
  // log2 may round across an integer: settle it by comparison.
  while (scaleByPowerOfTwo(value, -guess) >= 1) guess++
  while (scaleByPowerOfTwo(value, -guess) < 0.5) guess--
  return exponent + guess
}

/** Largest magnitude; NaN when an element is NaN. */
export function largestMagnitude(data: ArrayLike<number>): number {
  let largest = 0
  for (let i = 0; i < data.length; i++) {
    const magnitude = Math.abs(data[i]!)
    if (Number.isNaN(magnitude)) return magnitude
    if (magnitude > largest) largest = magnitude
  }
  return largest
}

/** data * 2^exponent in a new array. Scaling up is exact; elements that fall below 2^-1022 lose at most 2^-1074. */
export function scaledCopy(data: Float64Array, exponent: number): Float64Array {
  const result = new Float64Array(data.length)
  if (Math.abs(exponent) <= 1000) {
    const factor = 2 ** exponent
    for (let i = 0; i < data.length; i++) result[i] = data[i]! * factor
    return result
  }
  for (let i = 0; i < data.length; i++) result[i] = scaleByPowerOfTwo(data[i]!, exponent)
  return result
}

/** An upper bound of x * 2^exponent, x >= 0. */
export function scaleUpperBound(x: number, exponent: number): number {
  const value = scaleByPowerOfTwo(x, exponent)
  return x > 0 && value < 2 ** -1021 ? nextUp(nextUp(value)) : value
}

/** A lower bound (>= 0) of x * 2^exponent, x >= 0. */
export function scaleLowerBound(x: number, exponent: number): number {
  const value = scaleByPowerOfTwo(x, exponent)
  if (value === Number.POSITIVE_INFINITY) return Number.isFinite(x) ? Number.MAX_VALUE : 0
  return value < 2 ** -1021 ? Math.max(0, nextDown(nextDown(value))) : value
}
