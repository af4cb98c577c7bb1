import { afterAll, describe, expect, it } from 'vitest'
import { seedCrossEntropy, seedMargin, seedPair } from '../../src/attacks/criterion.ts'
import { checkMasking, openVictim, runAttack, searchLipschitz, type VictimModel } from '../../src/attacks/index.ts'
import { gradientQuery } from '../../src/attacks/query.ts'
import { runTasks } from '../../src/attacks/scheduler.ts'
import { randomStream } from '../../src/linalg/random.ts'
import { GraphBuilder } from '../../src/onnx/builder.ts'
import type { Model } from '../../src/onnx/ir.ts'
import { encodeModel } from '../../src/onnx/write.ts'

const normal = (seed: number, count: number, scale = 1) => {
  const random = randomStream(seed)
  return Float32Array.from({ length: count }, () => scale * random.normal())
}

/** conv - relu - conv stride 2 - flatten - gemm, dynamic batch, optional softmax or a fixed batch. */
function smallNetwork(
  options: { softmax?: boolean; batch?: number; unknownOp?: boolean; classes?: number } = {},
): Model {
  const classes = options.classes ?? 4
  const b = new GraphBuilder()
  const batch = options.batch ?? 'N'
  let x = b.input('image', [batch, 2, 6, 6])
  x = b.node(
    'Conv',
    [x, b.initializer('w1', [3, 2, 3, 3], normal(1, 54, 0.3)), b.initializer('b1', [3], normal(2, 3))],
    {
      kernel_shape: [3, 3],
      pads: [1, 1, 1, 1],
    },
  )
  x = b.node('Relu', [x])
  x = b.node('Conv', [x, b.initializer('w2', [4, 3, 3, 3], normal(3, 108, 0.3))], {
    kernel_shape: [3, 3],
    strides: [2, 2],
  })
  x = b.node('Flatten', [x], { axis: 1 })
  if (options.unknownOp) x = b.node('Det', [b.node('Reshape', [x, b.indices([-1, 16, 1, 1])])])
  const w = b.initializer('w3', [16, classes], normal(4, 16 * classes, 0.5))
  x = b.node('Gemm', [x, w], {}, options.softmax ? {} : { outputs: ['logits'] })
  if (options.softmax) b.node('Softmax', [x], { axis: 1 }, { outputs: ['logits'] })
  b.output('logits', [batch, classes])
  return b.build()
}

const load = (model: Model): VictimModel => ({ model, bytes: encodeModel(model) })
const image = (seed: number) => {
  const random = randomStream(seed)
  return Float32Array.from({ length: 72 }, () => random.uniform())
}
const argmax = (z: ArrayLike<number>) => Array.from(z).indexOf(Math.max(...Array.from(z)))

describe('a victim opened from ONNX', () => {
  const opened = openVictim(load(smallNetwork()), { provider: 'cpu', threads: 1 })
  afterAll(async () => (await opened).release())

  it('has the plain network as judge and its float64 meaning beside it', async () => {
    const victim = await opened
    expect(victim.domain).toMatchObject({ dims: [2, 6, 6], size: 72, classes: 4 })
    expect(victim.provider).toBe('cpu')
    expect(victim.assumptions.length).toBeGreaterThan(1)
    const x = image(1)
    const z = await victim.logits(x)
    victim.exactLogits!(x).forEach((v, i) => {
      expect(z[i]!).toBeCloseTo(v, 4)
    })
  })

  it('gradients of every seed are those of the float64 network', async () => {
    const victim = await opened
    const f = victim.exactLogits!
    const cases: readonly (readonly [(q: ReturnType<typeof gradientQuery>) => void, (z: Float64Array) => number])[] = [
      [(q) => seedPair(q, 0, 2, 1, { label: 0 }, 4), (z) => z[2]! - z[1]!],
      [(q) => seedMargin(q, 0, { label: 0 }, 4), (z) => z[0]! - Math.max(z[1]!, z[2]!, z[3]!)],
      [(q) => seedMargin(q, 0, { label: 0, target: 3 }, 4), (z) => Math.max(z[0]!, z[1]!, z[2]!) - z[3]!],
      [(q) => seedCrossEntropy(q, 0, { label: 1 }, 4), (z) => Math.log(z.reduce((s, v) => s + Math.exp(v), 0)) - z[1]!],
      [
        (q) => seedCrossEntropy(q, 0, { label: 1, target: 2 }, 4),
        (z) => z[2]! - Math.log(z.reduce((s, v) => s + Math.exp(v), 0)),
      ],
    ]
    for (const [seed, value] of cases) {
      const x = image(2)
      const query = gradientQuery(72, 4)
      query.points.set(x)
      seed(query)
      await runTasks(victim.oracle, [
        (function* () {
          yield query
        })(),
      ])
      for (const i of [0, 7, 35, 50, 71]) {
        const at = (h: number) => {
          const moved = Float32Array.from(x)
          moved[i]! += h
          return [value(f(moved)), moved[i]!] as const
        }
        const [up, a] = at(1e-3)
        const [down, b] = at(-1e-3)
        expect(query.gradients[i]!).toBeCloseTo((up - down) / (a - b), 3)
      }
    }
  })

  it('results are the same for batches of 1, 7 and 64, one thread or two, any order', async () => {
    const samples = await Promise.all(
      Array.from({ length: 10 }, async (_, index) => {
        const x = image(100 + index)
        return { index, label: argmax(await (await opened).logits(x)), image: x }
      }),
    )
    const base = await runAttack('auto', await opened, { samples, seed: 1, batch: 64 })
    for (const [batch, threads, order] of [
      [1, 2, samples],
      [7, 1, samples.toReversed()],
    ] as const) {
      const victim = await openVictim(load(smallNetwork()), { provider: 'cpu', threads })
      const other = await runAttack('auto', victim, { samples: order, seed: 1, batch })
      await victim.release()
      for (const sample of other.report.samples) expect(sample).toEqual(base.report.samples[sample.index])
    }
  })

  it('a softmax at the end, and a batch fixed in the file, change no result', async () => {
    const x = image(3)
    const label = argmax(await (await opened).logits(x))
    const samples = [{ index: 0, label, image: x }]
    const base = await runAttack('auto', await opened, { samples })
    for (const model of [smallNetwork({ softmax: true }), smallNetwork({ batch: 1 }), smallNetwork({ batch: 3 })]) {
      const victim = await openVictim(load(model), { provider: 'cpu', threads: 1 })
      const { report } = await runAttack('auto', victim, { samples })
      await victim.release()
      // Other graphs round otherwise, and a descent may take another way: the distance is the same, not the bits.
      expect(report.samples[0]!.distance! / base.report.samples[0]!.distance!).toBeCloseTo(1, 3)
      expect(report.samples[0]!.target).toBe(base.report.samples[0]!.target)
    }
  })

  it('a network that has no gradient is still open to black-box attacks', async () => {
    const victim = await openVictim(load(smallNetwork({ unknownOp: true })), { provider: 'cpu', threads: 1 })
    expect(victim.withoutGradient).toMatch(/Det/)
    const x = image(4)
    const samples = [{ index: 0, label: argmax(await victim.logits(x)), image: x }]
    await expect(runAttack('auto', victim, { samples })).rejects.toThrow(/Det/)
    const { report } = await runAttack('gaussian-noise', victim, {
      samples,
      parameters: { searchSteps: 1, repeats: 10 },
    })
    expect(['open', 'not-found']).toContain(report.samples[0]!.status)
    await victim.release()
  })

  it('one logit is a binary network', async () => {
    const victim = await openVictim(load(smallNetwork({ classes: 1 })), { provider: 'cpu', threads: 1 })
    const x = image(5)
    const label = (await victim.logits(x))[0]! > 0 ? 1 : -1
    const { report } = await runAttack('auto', victim, { samples: [{ index: 0, label, image: x }] })
    await victim.release()
    expect(report.samples[0]!.status).toBe('open')
  })

  it('rejects what is no classifier of one image', async () => {
    const b = new GraphBuilder()
    const [x, y] = [b.input('x', ['N', 2]), b.input('y', ['N', 2])]
    b.output(b.node('Add', [x, y], {}, { outputs: ['z'] }), ['N', 2])
    await expect(openVictim(load(b.build()), { provider: 'cpu' })).rejects.toThrow(/one float32 input/)
  })

  it('masking checks pass on an honest network and fail on a lying gradient', async () => {
    const victim = await opened
    const x = image(6)
    const samples = [{ index: 0, label: argmax(await victim.logits(x)), image: x }]
    const honest = await checkMasking(victim, await runAttack('auto', victim, { samples }), { samples })
    expect(honest.filter(({ passed }) => !passed)).toEqual([])
    const liar = {
      ...victim,
      oracle: {
        ...victim.oracle,
        gradient: async (rows: number) => {
          const batch = await victim.oracle.gradient!(rows)
          return {
            ...batch,
            run: async () => {
              await batch.run()
              batch.gradients.fill(0)
            },
          }
        },
      },
    }
    const masked = await checkMasking(liar, await runAttack('auto', liar, { samples }), { samples })
    expect(masked.filter(({ passed }) => !passed).map(({ id }) => id)).toContain('zero-gradients')
  })

  it('Lipschitz search: witnesses attain what they claim, and beat any gradient at the start', async () => {
    const victim = await opened
    const found = await searchLipschitz(victim, { starts: [image(7), image(8)], steps: 6, seed: 1 })
    for (const { value, from, to, weights } of [found.logit, found.pair, found.joint]) {
      const rise = weights.reduce((s, w, k) => s + w * (victim.exactLogits!(to)[k]! - victim.exactLogits!(from)[k]!), 0)
      const run = Math.hypot(...Array.from(from, (v, i) => to[i]! - v))
      expect(value).toBeGreaterThan(0)
      expect(value).toBeLessThanOrEqual(Math.abs(rise) / run)
    }
    // |J^T (e_i - e_j)| <= 2 |J| and one logit is no steeper than all together (each is a lower bound of its own constant).
    expect(found.joint.value).toBeGreaterThan(found.logit.value * 0.99)
  })
})
