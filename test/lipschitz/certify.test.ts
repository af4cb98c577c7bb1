import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Analysis } from '../../src/lipschitz/analyse.ts'
import { certify } from '../../src/lipschitz/certify.ts'

const CLASSES = 3

/** What was proved of one network: constants and errors of its outputs, and the largest input that cannot overflow. */
const proved = fc.record({
  constant: fc.double({ min: 0.01, max: 100, noNaN: true }),
  error: fc.double({ min: 0, max: 0.2, noNaN: true }),
  slope: fc.double({ min: 0, max: 2, noNaN: true }),
  largestNorm: fc.double({ min: 1, max: 1e4, noNaN: true }),
})
const inputNorm = fc.double({ min: 0, max: 100, noNaN: true })
const logit = fc.float({ min: -16, max: 16, noNaN: true })

interface Proved {
  readonly constant: number
  readonly error: number
  readonly slope: number
  readonly largestNorm: number
}

/** Every output and every difference with the same constants. */
function analysisOf(p: Proved, classes: number): Analysis {
  const form = { constant: p.error, slope: p.slope }
  const outputs = { logits: new Float64Array(classes).fill(p.constant), pair: () => p.constant }
  const logitErrors = { single: () => form, pair: () => form }
  const proof = { outputs, logitErrors, largestNorm: p.largestNorm }
  return { proof, classes, inputSize: 4 } as unknown as Analysis
}

/**
 * The executed margin at distance r is at least m - E(|x|) - L r - E(|x| + r): the executed margin at x may be E(|x|) too large, the real one
 * falls by at most L r, and the executed one at x' may be E(|x| + r) too small.
 */
const marginAt = (p: Proved, margin: number, norm: number, r: number): number =>
  margin - (p.error + p.slope * norm) - p.constant * r - (p.error + p.slope * (norm + r))

describe('the radius of a certificate', () => {
  it('leaves a positive executed margin at every input within it, and no room for a larger one', () => {
    fc.assert(
      fc.property(proved, inputNorm, fc.array(logit, { minLength: CLASSES, maxLength: CLASSES }), (p, norm, logits) => {
        const [first, second] = [...logits].sort((a, b) => b - a) as [number, number]
        const label = logits.indexOf(first)
        const { radius } = certify(analysisOf(p, CLASSES), { logits, inputNorm: norm, label, index: 0 })
        holds(p, first - second, norm, radius)
      }),
      { numRuns: 500 },
    )
  })

  it('of one logit too, whose distance from 0 is the margin', () => {
    fc.assert(
      fc.property(proved, inputNorm, logit, (p, norm, value) => {
        const label = value > 0 ? 1 : 0
        const { radius } = certify(analysisOf(p, 1), { logits: [value], inputNorm: norm, label, index: 0 })
        holds(p, Math.abs(value), norm, radius)
      }),
      { numRuns: 500 },
    )
  })

  function holds(p: Proved, margin: number, norm: number, radius: number): void {
    const slightlyMore = radius * (1 + 1e-9) + 1e-12
    const overflows = norm + slightlyMore > p.largestNorm
    if (radius > 0) {
      expect(marginAt(p, margin, norm, radius)).toBeGreaterThanOrEqual(0)
      expect(norm + radius).toBeLessThanOrEqual(p.largestNorm)
    }
    expect(overflows || marginAt(p, margin, norm, slightlyMore) <= 1e-9).toBe(true)
  }
})
