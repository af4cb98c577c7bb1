/** Bounds of rounding, against exact arithmetic in whole numbers. */
import { describe, expect, it } from 'vitest'
import {
  add,
  addUp,
  coefficient,
  type Inexact,
  multiply,
  sqrtUp,
  timesUp,
} from '../../../src/graph/fusion/exactness.ts'
import { type RandomStream, randomStream } from '../../../src/linalg/random.ts'
import { integer } from '../../linalg/integer.ts'

const UNIT = 1n << 1074n
const abs = (x: bigint): bigint => (x < 0n ? -x : x)

/** float32 numbers, products of them, thirds, tiny and huge ones, zeros. */
function someNumber(r: RandomStream): number {
  const base = r.normal()
  const kinds = [0, 1, 0.5, Math.fround(base), base, Math.fround(base) * Math.fround(r.normal()), base / 3]
  const scale = [1, 1, 1, 2 ** -149, 2 ** -500, 2 ** -900, 2 ** 100, 2 ** 60][r.integer(8)]!
  return kinds[r.integer(kinds.length)]! * scale
}

const someInexact = (r: RandomStream): Inexact => {
  const value = someNumber(r)
  return {
    value,
    slack: r.integer(2) === 0 ? 0 : Math.abs(r.normal()) * [2 ** -24, 2 ** -60, 2 ** -1060][r.integer(3)]!,
  }
}

/** The reals that an inexact number may be, at both of its ends. */
const ends = ({ value, slack }: Inexact): readonly bigint[] => [
  integer(value) - integer(slack),
  integer(value) + integer(slack),
]

describe('coefficients', () => {
  it('sums hold every real that they may be', () => {
    const r = randomStream(61)
    for (let k = 0; k < 4000; k++) {
      const [a, b] = [someInexact(r), someInexact(r)]
      const sum = add(a, b)
      for (const p of ends(a))
        for (const q of ends(b)) expect(abs(p + q - integer(sum.value)) <= integer(sum.slack)).toBe(true)
      if (a.slack === 0 && b.slack === 0 && integer(a.value) + integer(b.value) === integer(sum.value))
        expect(sum.slack).toBe(0)
    }
  })

  it('products hold every real that they may be', () => {
    const r = randomStream(62)
    for (let k = 0; k < 4000; k++) {
      const [a, b] = [someInexact(r), someInexact(r)]
      const product = multiply(a, b)
      for (const p of ends(a))
        for (const q of ends(b))
          expect(
            abs(p * q - integer(product.value) * UNIT) <= integer(product.slack) * UNIT,
            `${a.value} ${b.value}`,
          ).toBe(true)
    }
    expect(multiply({ value: 3, slack: 0 }, { value: Math.fround(0.1), slack: 0 }).slack).toBe(0)
  })

  it('what is no float32 is taken for a rounded real, and what the file computes for what its error says', () => {
    expect(coefficient(0.5, 0)).toEqual({ value: 0.5, slack: 0 })
    expect(coefficient(1 / 3, 0).slack).toBeGreaterThanOrEqual(2 ** -54 / 3)
    expect(coefficient(-0.5, 2 ** -20).slack).toBeGreaterThanOrEqual(2 ** -21)
  })
})

describe('bounds that round up', () => {
  it('sums, products and roots are never below the real ones', () => {
    const r = randomStream(63)
    for (let k = 0; k < 4000; k++) {
      const [a, b] = [Math.abs(someNumber(r)), Math.abs(someNumber(r))]
      expect(integer(addUp(a, b)) >= integer(a) + integer(b)).toBe(true)
      expect(integer(timesUp(a, b)) * UNIT >= integer(a) * integer(b), `${a} ${b}`).toBe(true)
      const root = sqrtUp(a)
      expect(integer(root) ** 2n >= integer(a) * UNIT).toBe(true)
    }
  })
  it('and the real ones where float64 has them', () => {
    expect(addUp(1, 0.5)).toBe(1.5)
    expect(timesUp(3, 0.5)).toBe(1.5)
    expect(sqrtUp(2.25)).toBe(1.5)
  })
})
