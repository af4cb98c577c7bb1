/**
 * Real coefficients held in float64 with a bound on what rounding may have cost them. Dyadic arithmetic (1, 1/2, 2, a
 * float32 weight) stays exact, so that a spelling of max proved equal to max has constant 1 and not 1.0000000000000002.
 * @module
 */

/** 2^-52: twice the unit roundoff of float64. */
export const EPSILON = 2 ** -52

/** value - slack <= the real number <= value + slack. */
export interface Inexact {
  readonly value: number
  readonly slack: number
}

/**
 * A coefficient as operators hand it in. Numbers of the file are float32 and hence exact; anything that is no float32
 * (1/9 of a pooling window) is taken for a rounded real number.
 */
export const coefficient = (value: number, relativeError: number): Inexact => ({
  value,
  slack: Math.abs(value) * ((Math.fround(value) === value ? 0 : EPSILON) + relativeError),
})

/** Sum; the rounding error of float64 addition is itself computed exactly (Knuth's TwoSum). */
export function add(a: Inexact, b: Inexact): Inexact {
  const value = a.value + b.value
  const part = value - a.value
  const error = Math.abs(a.value - (value - part) + (b.value - part))
  const slack = a.slack + b.slack
  return { value, slack: error === 0 && (a.slack === 0 || b.slack === 0) ? slack : up(slack + error) }
}

/** Product. Exact when both factors are float32 (24 + 24 bits fit in 53) or one is a power of two. */
export function multiply(a: Inexact, b: Inexact): Inexact {
  const value = a.value * b.value
  // Products of slacks may vanish below the smallest float64: what is not known stays unknown.
  const spread =
    a.slack === 0 && b.slack === 0
      ? 0
      : Math.abs(a.value) * b.slack + Math.abs(b.value) * a.slack + a.slack * b.slack + 2 ** -1000
  const exact =
    value === 0 ? a.value === 0 || b.value === 0 : Math.abs(value) > 2 ** -900 && exactProduct(a.value, b.value)
  return { value, slack: exact && spread === 0 ? 0 : up(spread + (exact ? 0 : Math.abs(value) * EPSILON + 2 ** -1000)) }
}

/** a + b of non-negative numbers, rounded up; exact where float64 is. */
export function addUp(a: number, b: number): number {
  const sum = a + b
  const part = sum - a
  return a - (sum - part) + (b - part) > 0 ? sum * (1 + EPSILON) : sum
}

/** a * b of non-negative numbers, rounded up; exact where float64 is known to be. */
export function timesUp(a: number, b: number): number {
  if (a === 0 || b === 0) return 0
  const product = a * b
  return product > 2 ** -900 && exactProduct(a, b) ? product : product * (1 + EPSILON) + Number.MIN_VALUE
}

function exactProduct(a: number, b: number): boolean {
  return (Math.fround(a) === a && Math.fround(b) === b) || isPowerOfTwo(a) || isPowerOfTwo(b)
}

const bits = new DataView(new ArrayBuffer(8))

function isPowerOfTwo(value: number): boolean {
  bits.setFloat64(0, value)
  return (bits.getUint32(0) & 0xfffff) === 0 && bits.getUint32(4) === 0
}

/** A little more than the value: covers a handful of roundings of positive numbers. */
export const up = (value: number): number => value * (1 + 2 ** -48)

/** Square root rounded up; exact where the result is a short number (math: IEEE square root is correctly rounded). */
export function sqrtUp(square: number): number {
  const root = Math.sqrt(square)
  return Math.fround(root) === root && root * root === square ? root : root * (1 + EPSILON)
}
