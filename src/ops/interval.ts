/**
 * Intervals of real numbers that hold every element of a tensor: ends are widened by 2^-40 of themselves wherever float64 may have
 * rounded, far more than a few operations cost; 0 stays 0. Near the smallest float64 digits are lost, so ends below 2^-960 move
 * on to 0 or to 2^-960.
 * @module
 */

/** [low, high], possibly infinite. */
export type Interval = readonly [low: number, high: number]

export const EVERYWHERE: Interval = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]

const RELATIVE = 2 ** -40
const LEAST = 2 ** -960

/** The interval, widened outwards. */
export function outward(low: number, high: number): Interval {
  if (Number.isNaN(low) || Number.isNaN(high)) return EVERYWHERE
  return [-up(-low), up(high)]
}

function up(end: number): number {
  if (end === 0 || !Number.isFinite(end)) return end
  if (Math.abs(end) < LEAST) return end > 0 ? LEAST : 0
  return end + Math.abs(end) * RELATIVE
}

/** The image of a non-decreasing function, computed within a few ulps, whose values lie in `within`. */
export function increasing(f: (x: number) => number, [low, high]: Interval, within: Interval = EVERYWHERE): Interval {
  const [from, to] = outward(f(low), f(high))
  // What underflowed is not 0.
  return [Math.max(from - Number.MIN_VALUE, within[0]), Math.min(to + Number.MIN_VALUE, within[1])]
}

/** The smallest interval that holds all of them. */
export function hull(intervals: readonly Interval[]): Interval {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const [from, to] of intervals) {
    low = Math.min(low, from)
    high = Math.max(high, to)
  }
  return low <= high ? [low, high] : EVERYWHERE
}

export function times([a, b]: Interval, [c, d]: Interval): Interval {
  const products = [product(a, c), product(a, d), product(b, c), product(b, d)]
  return outward(Math.min(...products), Math.max(...products))
}

/** 0 times an infinite end is 0: the end is never attained. A product that underflows is not 0. */
function product(x: number, y: number): number {
  if (x === 0 || y === 0) return 0
  return x * y || Math.sign(x) * Math.sign(y) * Number.MIN_VALUE
}

export function plus([a, b]: Interval, [c, d]: Interval): Interval {
  // The sum of two widened ends may cancel: the rounding is relative to the terms.
  const by = (x: number, y: number): number => (Number.isFinite(x + y) ? (Math.abs(x) + Math.abs(y)) * RELATIVE : 0)
  return [a + c - by(a, c), b + d + by(b, d)]
}

/** 1 / x where 0 is not in the interval. */
export function inverse([low, high]: Interval): Interval {
  return low > 0 || high < 0 ? outward(1 / high, 1 / low) : EVERYWHERE
}

/** The largest |x| in the interval. */
export const largestOf = ([low, high]: Interval): number => Math.max(Math.abs(low), Math.abs(high))

/** The smallest |x| in the interval: 0 when 0 is in it. */
export const smallestOf = ([low, high]: Interval): number => (low > 0 ? low : high < 0 ? -high : 0)

/** A bound of a slope, rounded up; undefined when it is none. */
export function slopeUp(value: number): number | undefined {
  return value >= 0 && value < Number.POSITIVE_INFINITY ? value * (1 + RELATIVE) + Number.MIN_VALUE : undefined
}
