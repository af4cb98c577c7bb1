import { describe, expect, it } from 'vitest'
import { ATTACKS, runAttack } from '../../src/attacks/registry.ts'
import { distanceL2 } from '../../src/attacks/sample.ts'
import { LipError } from '../../src/errors.ts'
import { randomStream } from '../../src/linalg/random.ts'
import { type AnalyticNetwork, affine, victimOf } from './analytic-victim.ts'

const TWO = affine(
  [
    [1, 0, 0, 0, 0, 0, 0, 0, 0],
    [0, 1, 0, 0, 0, 0, 0, 0, 0],
    [0, 0, 1, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 1, 0, 0, 0, 0, 0],
  ],
  [0, 0, 0, 0],
)
const IMAGE = Float32Array.of(0.9, 0.4, 0.3, 0.2, 0.5, 0.5, 0.5, 0.5, 0.5)
/** Small budgets, so that every attack of the registry runs in a moment. */
const SMALL: Record<string, Record<string, number>> = {
  thorough: { steps: 8, ddnSteps: 5, fabSteps: 5, apgdSteps: 5, apgdSearchSteps: 1, carliniWagnerSteps: 20 },
  'foolbox-cw': { steps: 400, initialConst: 0.1 },
  'carlini-wagner': { steps: 200, initialConst: 1 },
  square: { queries: 100, searchSteps: 2 },
  'square-linf': { queries: 150, searchSteps: 3 },
  autoattack: { steps: 10, queries: 50, searchSteps: 2 },
  'autoattack-linf': { steps: 10, queries: 50, searchSteps: 2 },
  'hop-skip-jump': { steps: 4 },
  boundary: { steps: 100 },
  pgd: { searchSteps: 3 },
  'pgd-linf': { searchSteps: 3 },
  'rounding-search': { candidates: 8, rounds: 1 },
}

describe('what every attack must respect', () => {
  for (const name of ATTACKS.keys()) {
    it(`${name}: finds are in the box, finite, at the distance reported, and really misclassified`, async () => {
      const samples = [0, 1].map((k) => ({
        index: 10 + k,
        label: 0,
        image: IMAGE.map((v, i) => (i === 0 ? v - 0.1 * k : v)),
      }))
      const { report, adversarials, evidence } = await runAttack(name, victimOf(TWO), {
        samples,
        ...(SMALL[name] && { parameters: SMALL[name] }),
      })
      expect(report.name).toBe(name)
      for (const [k, sample] of report.samples.entries()) {
        expect(sample.status).toBe('open')
        const point = adversarials.get(sample.index)!
        expect(point.every((v) => v >= 0 && v <= 1)).toBe(true)
        expect(sample.distance).toBe(distanceL2(samples[k]!.image, point))
        // (0.9 - 0.4) / sqrt 2 is the distance: nothing is nearer.
        expect(sample.distance!).toBeGreaterThan((0.5 - 0.1 * k) / Math.SQRT2 - 1e-6)
        const z = TWO.forward(Float64Array.from(point))
        expect(z[sample.target!]!).toBeGreaterThan(Math.fround(z[0]!))
      }
      expect(evidence.gradients > 0).toBe(ATTACKS.get(name)!.access === 'gradient')
    })
  }

  it('a radius given is a radius kept', async () => {
    for (const name of ['pgd', 'fgm', 'apgd-ce', 'square', 'gaussian-noise', 'autoattack']) {
      for (const epsilon of [0.3, 0.6]) {
        const { report } = await runAttack(name, victimOf(TWO), {
          samples: [{ index: 0, label: 0, image: IMAGE }],
          parameters: {
            epsilon,
            ...(name === 'square' ? { queries: 100 } : name === 'autoattack' ? { queries: 50 } : {}),
          },
        })
        const { status, distance } = report.samples[0]!
        // The true distance is .3536.
        if (epsilon < 0.35) expect([status, distance], name).toEqual(['not-found', null])
        else if (status === 'open') expect(distance!, name).toBeLessThanOrEqual(epsilon)
        if (epsilon > 0.35 && !/noise|square/.test(name)) expect(status, name).toBe('open')
      }
    }
  })
})

describe('statuses', () => {
  it('misclassified: distance 0, not attacked', async () => {
    const victim = victimOf(TWO)
    const { report, adversarials, evidence } = await runAttack('auto', victim, {
      samples: [{ index: 7, label: 2, image: IMAGE }],
    })
    expect(report.samples).toEqual([{ index: 7, status: 'misclassified', distance: 0, target: 0 }])
    expect(report).toMatchObject({ minRatio: null, meanDistance: null, gradients: 0 })
    expect(adversarials.size).toBe(0)
    expect(evidence.gradients).toBe(0)
    expect(victim.calls.batches).toBe(0)
  })

  it('no samples: an empty report', async () => {
    const { report, ended } = await runAttack('auto', victimOf(TWO), { samples: [] })
    expect(report.samples).toEqual([])
    expect(ended).toBe('finished')
  })

  it('nan: logits or gradients that are no numbers', async () => {
    const nan: AnalyticNetwork = { ...TWO, pullback: () => new Float64Array(9).fill(Number.NaN) }
    for (const name of ['auto', 'fmn', 'ddn', 'fab-t', 'carlini-wagner']) {
      const { report } = await runAttack(name, victimOf(nan), {
        samples: [{ index: 0, label: 0, image: IMAGE }],
        parameters: name === 'carlini-wagner' ? { steps: 20, binarySearchSteps: 1 } : {},
      })
      expect(['nan', 'not-found'], name).toContain(report.samples[0]!.status)
      expect(report.samples[0]!.distance, name).toBeNull()
    }
    const clean: AnalyticNetwork = { ...TWO, forward: () => new Float64Array(4).fill(Number.NaN) }
    const { report } = await runAttack('auto', victimOf(clean), { samples: [{ index: 0, label: 0, image: IMAGE }] })
    expect(report.samples[0]).toEqual({ index: 0, status: 'nan', distance: null, target: null })
  })

  it('a constant network falls to nothing', async () => {
    const constant: AnalyticNetwork = {
      ...TWO,
      forward: () => Float64Array.of(1, 0, 0, 0),
      pullback: () => new Float64Array(9),
    }
    for (const name of ['auto', 'fmn', 'ddn', 'pgd', 'apgd-dlr', 'fab-t', 'deep-fool', 'hop-skip-jump']) {
      const { report } = await runAttack(name, victimOf(constant), { samples: [{ index: 0, label: 0, image: IMAGE }] })
      expect(report.samples[0], name).toEqual({ index: 0, status: 'not-found', distance: null, target: null })
    }
    const { evidence } = await runAttack('fmn', victimOf(constant), { samples: [{ index: 0, label: 0, image: IMAGE }] })
    expect(evidence.zeroGradients).toBe(100)
  })

  it('ties are no success', async () => {
    // The best any point can do is to tie: z_1 = min(x_0, z_0).
    const tie: AnalyticNetwork = {
      dims: [1],
      classes: 2,
      forward: (x) => Float64Array.of(0.5, Math.min(x[0]!, 0.5)),
      pullback: (x, u) => Float64Array.of(x[0]! < 0.5 ? u[1]! : 0),
    }
    const { report } = await runAttack('auto', victimOf(tie), {
      samples: [{ index: 0, label: 0, image: Float32Array.of(0.2) }],
    })
    expect(report.samples[0]!.status).toBe('not-found')
  })

  it('a point that only the gradient graph calls adversarial is pushed until the plain network agrees, or dropped', async () => {
    const base = victimOf(TWO)
    const shifted = (lag: number) => ({
      ...base,
      logits: async (point: Float32Array) => {
        const z = Float32Array.from(TWO.forward(Float64Array.from(point)))
        z[0]! += lag
        return z
      },
    })
    const samples = [{ index: 0, label: 0, image: IMAGE }]
    const near = await runAttack('auto', shifted(1e-4), { samples })
    expect(near.report.samples[0]!.distance!).toBeGreaterThan((0.5 + 1e-4) / Math.SQRT2 - 1e-6)
    const far = await runAttack('auto', shifted(0.2), { samples })
    expect(far.report.samples[0]!.status).toBe('not-found')
  })
})

describe('what cannot be run', () => {
  const samples = [{ index: 4, label: 0, image: IMAGE }]
  const failure = async (run: () => Promise<unknown>): Promise<LipError> => {
    try {
      await run()
    } catch (error) {
      if (error instanceof LipError) return error
      throw error
    }
    throw new Error('nothing was thrown')
  }

  it('says what is wrong', async () => {
    const cases: readonly (readonly [string, () => Promise<unknown>, RegExp])[] = [
      ['USAGE', async () => runAttack('no-such', victimOf(TWO), { samples }), /no attack named 'no-such'/],
      [
        'USAGE',
        async () => runAttack('fmn', victimOf(TWO), { samples, parameters: { step: 3 } }),
        /no parameter 'step'/,
      ],
      ['USAGE', async () => runAttack('fmn', victimOf(TWO), { samples, parameters: { steps: '3' } }), /number is due/],
      [
        'DATA_INVALID',
        async () => runAttack('fmn', victimOf(TWO), { samples: [{ ...samples[0]!, label: 4 }] }),
        /label 4/,
      ],
      [
        'DATA_INVALID',
        async () => runAttack('fmn', victimOf(TWO), { samples: [{ ...samples[0]!, target: 0 }] }),
        /target 0/,
      ],
      [
        'DATA_INVALID',
        async () =>
          runAttack('fmn', victimOf(TWO), { samples: [{ ...samples[0]!, image: IMAGE.map((v) => 255 * v) }] }),
        /outside the input range/,
      ],
      [
        'DATA_INVALID',
        async () => runAttack('fmn', victimOf(TWO), { samples: [{ ...samples[0]!, image: IMAGE.slice(1) }] }),
        /8 values/,
      ],
      [
        'MODEL_UNSUPPORTED',
        async () => runAttack('fmn', victimOf(TWO, { gradients: false }), { samples }),
        /needs gradients/,
      ],
    ]
    for (const [code, run, message] of cases) {
      const error = await failure(run)
      expect(error.code).toBe(code)
      expect(error.message).toMatch(message)
    }
  })

  it('networks without gradients still meet black-box attacks', async () => {
    const { report } = await runAttack('hop-skip-jump', victimOf(TWO, { gradients: false }), {
      samples,
      parameters: { steps: 4 },
    })
    expect(report.samples[0]!.status).toBe('open')
  })
})

describe('budgets and order', () => {
  const random = randomStream(5)
  const samples = Array.from({ length: 9 }, (_, index) => {
    const image = Float32Array.from({ length: 9 }, () => random.uniform())
    const z = TWO.forward(Float64Array.from(image))
    return { index, label: z.indexOf(Math.max(...z)), image }
  })

  it('results do not depend on batch, capacity or order', async () => {
    for (const name of ['auto', 'pgd', 'apgd-t', 'square', 'hop-skip-jump', 'boundary']) {
      const parameters = SMALL[name] ?? {}
      const base = await runAttack(name, victimOf(TWO), { samples, parameters, seed: 3 })
      const others = await Promise.all([
        runAttack(name, victimOf(TWO, { capacity: 1 }), { samples, parameters, seed: 3, batch: 1 }),
        runAttack(name, victimOf(TWO, { capacity: 7 }), {
          samples: samples.toReversed(),
          parameters,
          seed: 3,
          batch: 7,
        }),
        runAttack(name, victimOf(TWO, { capacity: 64 }), { samples: samples.slice(2, 5), parameters, seed: 3 }),
      ])
      for (const { report, adversarials } of others) {
        for (const sample of report.samples) {
          expect(sample, name).toEqual(base.report.samples[sample.index])
          expect(adversarials.get(sample.index), name).toEqual(base.adversarials.get(sample.index))
        }
      }
    }
  })

  it('another seed moves random attacks', async () => {
    const [a, b] = await Promise.all(
      [1, 2].map((seed) =>
        runAttack('gaussian-noise', victimOf(TWO), { samples, seed, parameters: { searchSteps: 2 } }),
      ),
    )
    expect(a!.report.samples).not.toEqual(b!.report.samples)
  })

  it('keeps what was found when time is up or the caller stops', async () => {
    const slow = { samples, parameters: { steps: 1e9 } }
    const late = await runAttack('boundary', victimOf(TWO), {
      ...slow,
      parameters: { steps: 1e8, convergence: 0 },
      timeBudget: 300,
    })
    expect(late.ended).toBe('timeout')
    expect(late.report.samples.some(({ status }) => status === 'open')).toBe(true)
    const controller = new AbortController()
    const stop = (batches: number) => batches === 50 && controller.abort()
    const stopped = await runAttack('fmn', victimOf(TWO, { onRun: stop }), { ...slow, signal: controller.signal })
    expect(stopped.ended).toBe('aborted')
    expect(stopped.report.samples.length).toBe(samples.length)
  })

  it('reports progress once a sample', async () => {
    const seen: number[] = []
    await runAttack('fgm', victimOf(TWO), {
      samples,
      onProgress: ({ index, done, total }) => {
        seen.push(index)
        expect(total).toBe(9)
        expect(done).toBe(seen.length)
      },
    })
    expect(seen.toSorted()).toEqual(samples.map(({ index }) => index))
  })
})
