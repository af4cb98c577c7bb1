import { describe, expect, it } from 'vitest'
import { constantSearch } from '../../src/attacks/carlini-wagner.ts'
import { runAttack } from '../../src/attacks/registry.ts'
import { affine, victimOf } from './analytic-victim.ts'

/** The constants tried when the steps with these numbers succeed. */
function constants(steps: number, succeeds: (weight: number) => boolean): number[] {
  const search = constantSearch(1e-3, steps)
  return Array.from({ length: steps }, (_, outer) => {
    const weight = search.next(outer)
    search.learn(succeeds(weight))
    return weight
  })
}

describe('the outer search for the constant', () => {
  it("is foolbox's", () => {
    const close = (found: number[], expected: number[]) => {
      expect(found.length).toBe(expected.length)
      found.forEach((v, i) => {
        expect(v / expected[i]!).toBeCloseTo(1, 9)
      })
    }
    close(
      constants(6, () => false),
      [1e-3, 1e-2, 1e-1, 1, 10, 100],
    )
    close(
      constants(6, () => true),
      [1e-3, 5e-4, 2.5e-4, 1.25e-4, 6.25e-5, 3.125e-5],
    )
    close(
      constants(6, (c) => c >= 0.7),
      [1e-3, 1e-2, 1e-1, 1, 0.55, 0.775],
    )
    // With ten steps or more the last one repeats the smallest constant that worked.
    close(
      constants(10, (c) => c >= 0.7),
      [1e-3, 1e-2, 1e-1, 1, 0.55, 0.775, 0.6625, 0.71875, 0.690625, 0.71875],
    )
    expect(constants(30, () => false).at(-1)).toBe(1e10)
  })
})

/** An independent, literal transcription of the published loop for one sample of two classes, in plain arrays. */
function transcription(
  w: readonly number[],
  b: number,
  image: readonly number[],
  { outerSteps, steps, lr, initial }: { outerSteps: number; steps: number; lr: number; initial: number },
): number {
  const n = image.length
  const start = image.map((x) => Math.atanh(((x - 0.5) / 0.5) * 0.999999))
  const back = start.map((v) => 0.5 * Math.tanh(v) + 0.5)
  let c = initial
  let [lo, hi, best] = [0, Infinity, Infinity]
  for (let outer = 0; outer < outerSteps; outer++) {
    const delta = new Array<number>(n).fill(0)
    const m1 = new Array<number>(n).fill(0)
    const m2 = new Array<number>(n).fill(0)
    let found = false
    let previous = Infinity
    for (let step = 0; step < steps; step++) {
      const t = start.map((v, i) => Math.tanh(v + delta[i]!))
      const x = t.map((v) => Math.fround(0.5 * v + 0.5))
      const margin = x.reduce((s, v, i) => s + w[i]! * v, b)
      const squares = x.reduce((s, v, i) => s + (v - back[i]!) ** 2, 0)
      const loss = c * Math.max(0, margin) + squares
      for (let i = 0; i < n; i++) {
        const g = ((margin > 0 ? c * w[i]! : 0) + 2 * (x[i]! - back[i]!)) * 0.5 * (1 - t[i]! ** 2)
        m1[i] = 0.9 * m1[i]! + 0.1 * g
        m2[i] = 0.999 * m2[i]! + 0.001 * g * g
        const up = m1[i]! / (1 - 0.9 ** (step + 1))
        const down = Math.sqrt(m2[i]! / (1 - 0.999 ** (step + 1))) + 1e-8
        delta[i]! -= (lr * up) / down
      }
      if (step % Math.ceil(steps / 10) === 0) {
        if (!(loss <= 0.9999 * previous)) break
        previous = loss
      }
      if (margin < 0) {
        found = true
        best = Math.min(best, Math.hypot(...x.map((v, i) => v - image[i]!)))
      }
    }
    if (found) hi = c
    else lo = c
    c = hi < Infinity ? (lo + hi) / 2 : 10 * c
  }
  return best
}

describe("compat: 'foolbox'", () => {
  const w = [1, -0.5, 0.25, 2]
  const network = affine([w, [0, 0, 0, 0]], [-1.2, 0])
  const image = Float32Array.of(0.9, 0.1, 0.5, 0.7)
  const sample = { index: 0, label: 0, image }
  const parameters = { binarySearchSteps: 6, steps: 200, initialConst: 0.1 }

  it('follows the published loop', async () => {
    const { report } = await runAttack('foolbox-cw', victimOf(network), { samples: [sample], parameters })
    const expected = transcription(w, -1.2, [...image], { outerSteps: 6, steps: 200, lr: 0.01, initial: 0.1 })
    expect(report.samples[0]!.distance! / expected).toBeCloseTo(1, 4)
    // Distances are as Adam leaves them: no line search.
    const ours = await runAttack('carlini-wagner', victimOf(network), { samples: [sample], parameters })
    expect(ours.report.samples[0]!.distance!).toBeLessThanOrEqual(report.samples[0]!.distance! + 1e-7)
  })

  it('stops all samples of a batch by their summed loss; ours never does', async () => {
    const others = [0.72, 0.8, 0.95].map((v, k) => ({
      index: k + 1,
      label: 0,
      image: Float32Array.of(v, 0.3 * k, 0.5, 0.9),
    }))
    const alone = await runAttack('foolbox-cw', victimOf(network), { samples: [sample], parameters })
    const batch = await runAttack('foolbox-cw', victimOf(network), { samples: [sample, ...others], parameters })
    expect(batch.report.gradients).not.toBe(alone.report.gradients)
    const single = await runAttack('carlini-wagner', victimOf(network), { samples: [sample], parameters })
    const many = await runAttack('carlini-wagner', victimOf(network), { samples: [sample, ...others], parameters })
    expect(many.report.samples[0]).toEqual(single.report.samples[0])
  })

  it('a confidence keeps finds away from the boundary', async () => {
    const sure = { ...parameters, confidence: 0.2, initialConst: 1 }
    const { report, adversarials } = await runAttack('carlini-wagner', victimOf(network), {
      samples: [sample],
      parameters: sure,
    })
    expect(report.samples[0]!.status).toBe('open')
    const z = network.forward(Float64Array.from(adversarials.get(0)!))
    expect(z[1]! - z[0]!).toBeGreaterThan(0)
  })
})
