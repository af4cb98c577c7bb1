import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkpoints, differenceOfLogitsRatio } from '../../src/attacks/auto-pgd.ts'
import { crossEntropy, margin } from '../../src/attacks/criterion.ts'
import { shareAt } from '../../src/attacks/square.ts'

describe('APGD', () => {
  it('has the published checkpoints', () => {
    expect(checkpoints(100)).toEqual([22, 41, 57, 70, 80, 87, 93, 99])
    expect(checkpoints(10)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(checkpoints(20)).toEqual([4, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20])
    expect(checkpoints(50)).toEqual([11, 21, 30, 38, 45])
  })
})

/** Distinct logits, so that differences see no change of order. */
const logits = fc.shuffledSubarray([-2.3, -1.1, 0.2, 0.9, 1.7, 2.6], { minLength: 4 })

describe('losses', () => {
  it("DLR's weights are its gradient, and it ignores scale and shift", () => {
    fc.assert(
      fc.property(logits, fc.nat(3), fc.boolean(), (z, label, targeted) => {
        const target = targeted ? (label + 1) % 4 : undefined
        const value = (x: number[]) => differenceOfLogitsRatio(Float32Array.from(x), label, target).value
        const at = differenceOfLogitsRatio(Float32Array.from(z), label, target)
        z.forEach((_, i) => {
          const bump = (h: number) => value(z.map((v, k) => (k === i ? v + h : v)))
          expect(at.weights[i]!).toBeCloseTo((bump(2e-3) - bump(-2e-3)) / 4e-3, 2)
        })
        expect(value(z.map((v) => 3 * v + 1))).toBeCloseTo(at.value, 3)
      }),
      { numRuns: 60 },
    )
  })

  it('margins and cross-entropy by definition', () => {
    const z = [1, 3, 2]
    expect(margin({ label: 1 }, z, 0, 3)).toBe(1)
    expect(margin({ label: 0 }, z, 0, 3)).toBe(-2)
    expect(margin({ label: 1, target: 0 }, z, 0, 3)).toBe(2)
    expect(margin({ label: 1, target: 1 }, z, 0, 3)).toBe(-1)
    expect(margin({ label: 1 }, [Number.NaN, 1, 0], 0, 3)).toBeNaN()
    expect(margin({ label: -1 }, [2], 0, 1)).toBe(-2)
    expect(crossEntropy({ label: 1 }, z, 0, 3)).toBeCloseTo(Math.log(Math.exp(1) + Math.exp(3) + Math.exp(2)) - 3, 12)
    expect(crossEntropy({ label: 0 }, [1000, 0], 0, 2)).toBe(0)
  })
})

describe('Square', () => {
  it('halves its windows at the published queries', () => {
    const p = { queries: 10000, initialShare: 0.8, rescale: false }
    const at = [1, 11, 51, 201, 501, 1001, 2001, 4001, 6001, 8001].map((k) => shareAt(k, p))
    expect(at).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512].map((d) => 0.8 / d))
    expect(shareAt(100, { ...p, queries: 1000, rescale: true })).toBe(shareAt(1000, p))
  })
})
