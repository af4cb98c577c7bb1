import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  binaryExponent,
  largestMagnitude,
  scaleByPowerOfTwo,
  scaledCopy,
  scaleLowerBound,
  scaleUpperBound,
} from '../../src/linalg/power-of-two.ts'
import { downward, gamma, nextDown, nextUp, UNIT, upward } from '../../src/linalg/rounding.ts'
import { TWIDDLE_ERROR, turn } from '../../src/linalg/twiddles.ts'
import { vectorNormLower, vectorNormUpper } from '../../src/linalg/vector-norm.ts'
import { integer } from './integer.ts'

const finite = fc.double({ noNaN: true, noDefaultInfinity: true })

/** Exact square of the norm as a rational: integers over 2^-2148. */
function exactSquare(v: readonly number[]): bigint {
  let sum = 0n
  for (const x of v) sum += integer(x) ** 2n
  return sum
}

describe('rounding', () => {
  it('steps to the neighbours', () => {
    expect(nextUp(1)).toBe(1 + 2 ** -52)
    expect(nextDown(1)).toBe(1 - 2 ** -53)
    expect(nextUp(0)).toBe(Number.MIN_VALUE)
    expect(nextDown(0)).toBe(-Number.MIN_VALUE)
    expect(nextUp(-Number.MIN_VALUE)).toBe(-0)
    expect(nextUp(Number.MAX_VALUE)).toBe(Number.POSITIVE_INFINITY)
    expect(nextUp(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY)
    expect(nextUp(Number.NaN)).toBeNaN()
    fc.assert(
      fc.property(finite, (x) => {
        expect(nextUp(x)).toBeGreaterThan(x)
        expect(nextDown(x)).toBeLessThan(x)
        if (Number.isFinite(nextUp(x))) expect(nextDown(nextUp(x))).toBe(x + 0)
      }),
      { seed: 4 },
    )
  })

  it('gamma dominates k u / (1 - k u) and gives up when it must', () => {
    expect(gamma(10)).toBeGreaterThanOrEqual(10 * UNIT)
    expect(gamma(10)).toBeLessThan(10.001 * UNIT)
    expect(gamma(2 ** 52)).toBe(Number.POSITIVE_INFINITY)
  })

  it('gamma, upward and downward pay for every rounding, in integers', () => {
    const one = 1n << 53n
    for (const k of [1, 2, 3, 10, 1000, 12345, 2 ** 20 + 1, 2 ** 30]) {
      // g >= k / (2^53 - k).
      expect(integer(gamma(k)) * (one - BigInt(k)) >= BigInt(k) << 1074n, `gamma ${k}`).toBe(true)
    }
    for (const x of [1, 1 - 2 ** -53, 1.5, 1 / 3, 1e-200, 1e200, 2 ** -1022])
      for (const n of [1, 2, 3, 4, 6, 8, 50]) {
        // x stands for a number between x / (1 + u)^n and x / (1 - u)^n.
        expect(integer(upward(x, n)) * (one - BigInt(n)) >= integer(x) * one, `upward ${x} ${n}`).toBe(true)
        expect(integer(downward(x, n)) * one <= integer(x) * (one - BigInt(n)), `downward ${x} ${n}`).toBe(true)
      }
    // Denormal numbers round by half of 2^-1074.
    expect(upward(2 ** -1074)).toBeGreaterThanOrEqual(2 ** -1073)
    expect(downward(2 ** -1074)).toBe(0)
    expect([upward(Number.NaN), downward(Number.NaN)]).toEqual([Number.NaN, 0])
  })

  it('upward and downward enclose', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e300, noNaN: true }), fc.integer({ min: 1, max: 50 }), (x, n) => {
        if (x === 0) {
          expect(upward(x, n)).toBe(0)
          return
        }
        expect(upward(x, n)).toBeGreaterThan(x)
        expect(downward(x, n)).toBeLessThan(x)
        if (x > 1e-290) expect(upward(x, n) / x - 1).toBeGreaterThanOrEqual(n * 2 ** -53)
      }),
      { seed: 4 },
    )
  })
})

describe('powers of two', () => {
  it('finds the exponent and scales exactly', () => {
    for (const x of [1, 0.5, 0.75, 2 ** -1074, 2 ** 1023, Number.MAX_VALUE, 3, 1 - 2 ** -53, 2 ** -1022 - 2 ** -1074])
      for (const sign of [1, -1]) {
        const scaled = Math.abs(scaleByPowerOfTwo(sign * x, -binaryExponent(sign * x)))
        expect(scaled).toBeGreaterThanOrEqual(0.5)
        expect(scaled).toBeLessThan(1)
      }
    fc.assert(
      fc.property(finite, (x) => {
        if (x === 0) return
        const e = binaryExponent(x)
        const scaled = scaleByPowerOfTwo(x, -e)
        expect(Math.abs(scaled)).toBeGreaterThanOrEqual(0.5)
        expect(Math.abs(scaled)).toBeLessThan(1)
        expect(scaleByPowerOfTwo(scaled, e)).toBe(x)
      }),
      { seed: 4 },
    )
    expect([...scaledCopy(Float64Array.of(3, -(2 ** -1074)), 1074)]).toEqual([scaleByPowerOfTwo(3, 1074), -1])
  })

  it('rounds bounds outward where scaling rounds', () => {
    expect(scaleUpperBound(3, -1075)).toBeGreaterThanOrEqual(2 ** -1073)
    expect(scaleLowerBound(3, -1075)).toBeLessThanOrEqual(2 ** -1074)
    expect(scaleUpperBound(0.75, 1025)).toBe(Number.POSITIVE_INFINITY)
    expect(scaleLowerBound(0.75, 1025)).toBe(Number.MAX_VALUE)
    expect(scaleUpperBound(0, -1075)).toBe(0)
  })

  it('a NaN anywhere is the largest', () => {
    expect(largestMagnitude([1, Number.NaN, 3])).toBeNaN()
    expect(largestMagnitude([1, -7, 3])).toBe(7)
    expect(largestMagnitude([])).toBe(0)
  })
})

describe('vector norms', () => {
  it('enclose long sums whose roundings all go one way', () => {
    // n copies of one number: within a binade every addition rounds by the same amount.
    for (let k = 0; k < 16; k++) {
      const v = new Array<number>(3000 + 17 * k).fill(0.5 + ((k * 0.618) % 1) / 2)
      const square = exactSquare(v)
      expect(integer(vectorNormUpper(v)) ** 2n >= square, `upper ${k}`).toBe(true)
      expect(integer(vectorNormLower(v)) ** 2n <= square, `lower ${k}`).toBe(true)
    }
  })

  it('enclose the exact norm, in integers', () => {
    const anything = fc.array(
      fc.oneof(
        finite.filter((x) => Math.abs(x) < 1e300),
        fc.constantFrom(0, 2 ** -1074, 3e-320, 1e-160, -1e160),
        fc.double({ min: -2, max: 2, noNaN: true }),
      ),
      { maxLength: 12 },
    )
    fc.assert(
      fc.property(anything, (v) => {
        const square = exactSquare(v)
        const upper = vectorNormUpper(v)
        const lower = vectorNormLower(v)
        if (Number.isFinite(upper)) expect(integer(upper) ** 2n >= square).toBe(true)
        expect(integer(lower) ** 2n <= square).toBe(true)
        if (lower > 1e-290 && Number.isFinite(upper)) expect(upper / lower).toBeLessThan(1 + 1e-13)
      }),
      { numRuns: 300, seed: 4 },
    )
    expect(vectorNormUpper([Number.NaN])).toBe(Number.POSITIVE_INFINITY)
    expect(vectorNormLower([Number.POSITIVE_INFINITY, 1])).toBe(0)
    expect(vectorNormUpper([])).toBe(0)
  })
})

describe('twiddles', () => {
  it('are within their budget of the true cosine and sine', () => {
    // Independent: Math.cos is good to an ulp or so in every engine; exact values where they are known.
    for (const n of [1, 2, 3, 4, 5, 8, 12, 29, 58, 114, 4096])
      for (let k = -n; k <= 2 * n; k += Math.max(1, Math.floor(n / 40))) {
        const [c, s] = turn(k, n)
        expect(Math.abs(c - Math.cos((2 * Math.PI * k) / n))).toBeLessThan(TWIDDLE_ERROR + 3e-15)
        expect(Math.abs(s - Math.sin((2 * Math.PI * k) / n))).toBeLessThan(TWIDDLE_ERROR + 3e-15)
        expect(Math.abs(c * c + s * s - 1)).toBeLessThan(2 * TWIDDLE_ERROR)
      }
    // The derivation asks for 40 roundings.
    expect(TWIDDLE_ERROR).toBeGreaterThanOrEqual(40 * UNIT)
    expect(turn(1, 4)).toEqual([-0, 1])
    expect(turn(1, 2).map((x) => x + 0)).toEqual([-1, 0])
    expect(turn(0, 7)).toEqual([1, 0])
    expect(Math.abs(turn(1, 12)[1] - 0.5)).toBeLessThan(2 ** -52)
    expect(Math.abs(turn(1, 8)[0] ** 2 - 0.5)).toBeLessThan(2 ** -52)
  })
})
