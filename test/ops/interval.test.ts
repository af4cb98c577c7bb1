/** Interval arithmetic against exact integers: no real that two members of intervals make lies outside, whatever their size. */
import { describe, expect, it } from 'vitest'
import { type RandomStream, randomStream } from '../../src/linalg/random.ts'
import {
  EVERYWHERE,
  hull,
  type Interval,
  increasing,
  inverse,
  largestOf,
  outward,
  plus,
  slopeUp,
  smallestOf,
  times,
} from '../../src/ops/interval.ts'
import { integer } from '../linalg/integer.ts'

const UNIT = 1n << 1074n

/** Whether value / 2^(1074 k) lies in the interval. */
function holds([low, high]: Interval, value: bigint, scale: bigint): boolean {
  const below = low === Number.NEGATIVE_INFINITY || integer(low) * scale <= value
  return below && (high === Number.POSITIVE_INFINITY || value <= integer(high) * scale)
}

const SCALES = [1, 1, 2 ** 40, 2 ** -149, 2 ** -520, 2 ** -540, 2 ** -1060]
const someNumber = (r: RandomStream): number =>
  r.integer(8) === 0 ? 0 : (r.normal() / 3) * SCALES[r.integer(SCALES.length)]!
function someInterval(r: RandomStream): Interval {
  const [a, b] = [someNumber(r), r.integer(3) === 0 ? undefined : someNumber(r)]
  return b === undefined ? [a, a] : [Math.min(a, b), Math.max(a, b)]
}

describe('intervals', () => {
  it('hold the sums and products of their ends, exactly', () => {
    const r = randomStream(1)
    for (let round = 0; round < 4000; round++) {
      const [p, q] = [someInterval(r), someInterval(r)]
      for (const x of p)
        for (const y of q) {
          expect(holds(times(p, q), integer(x) * integer(y), UNIT), `${p} times ${q}`).toBe(true)
          expect(holds(plus(p, q), integer(x) + integer(y), 1n), `${p} plus ${q}`).toBe(true)
        }
    }
  })

  it('hold products of products: what underflowed on the way is not rounded up for good', () => {
    // 3/4 of the smallest float64, times 2^1074 and more: no lower end may lie above 3/4.
    const tiny = times([2 ** -1074, 1], [0.75, 0.75])
    expect(tiny[0]).toBeLessThanOrEqual(0)
    const far = times(times([2 ** -700, 1], [2 ** -700, 1]), [2 ** 1000, 2 ** 1000])
    expect(far[0]).toBeLessThanOrEqual(0)
    const negative = times(times([-1, -(2 ** -700)], [2 ** -700, 1]), [2 ** 1000, 2 ** 1000])
    expect(negative[1]).toBeGreaterThanOrEqual(0)
  })

  it('hold inverses, exactly', () => {
    const r = randomStream(2)
    let finite = 0
    for (let round = 0; round < 2000; round++) {
      const p = someInterval(r)
      const [low, high] = inverse(p)
      if (!(p[0] > 0 || p[1] < 0)) {
        expect([low, high]).toEqual([Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY])
        continue
      }
      for (const x of p) {
        // low <= 1 / x <= high, multiplied by x.
        const [from, to] = x > 0 ? [low, high] : [high, low]
        if (Number.isFinite(from)) expect(integer(from) * integer(x) <= UNIT * UNIT, `1 / ${p}`).toBe(true)
        if (Number.isFinite(to)) expect(integer(to) * integer(x) >= UNIT * UNIT, `1 / ${p}`).toBe(true)
        finite++
      }
    }
    expect(finite).toBeGreaterThan(500)
  })

  it('exp of what underflows is not above what it is', () => {
    const [low, high] = increasing(Math.exp, [-746, -744.6], [0, Number.POSITIVE_INFINITY])
    expect(low).toBe(0)
    expect(high).toBeGreaterThan(2 ** -1074)
  })

  it('widen outwards, keep 0, and know nothing of NaN', () => {
    expect(outward(0, 0)).toEqual([0, 0])
    expect(outward(1, 1)[0]).toBeLessThan(1)
    expect(outward(1, 1)[1]).toBeGreaterThan(1)
    expect(outward(Number.NaN, 1)).toEqual([Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY])
    expect(
      hull([
        [1, 2],
        [-3, 0],
      ]),
    ).toEqual([-3, 2])
    expect(hull([])).toEqual([Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY])
  })

  it('the smallest and the largest size, on either side of 0', () => {
    expect([smallestOf([2, 5]), largestOf([2, 5])]).toEqual([2, 5])
    expect([smallestOf([-5, -2]), largestOf([-5, -2])]).toEqual([2, 5])
    expect([smallestOf([-5, 2]), largestOf([-5, 2])]).toEqual([0, 5])
    expect([smallestOf(EVERYWHERE), largestOf(EVERYWHERE)]).toEqual([0, Number.POSITIVE_INFINITY])
  })

  it('a slope is rounded up, and is none where it is not finite', () => {
    expect(slopeUp(0.1)).toBeGreaterThan(0.1)
    expect(slopeUp(0)).toBeGreaterThan(0)
    for (const none of [Number.NaN, Number.POSITIVE_INFINITY, -1]) expect(slopeUp(none)).toBeUndefined()
  })
})
