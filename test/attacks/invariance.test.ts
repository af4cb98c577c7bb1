import { describe, expect, it } from 'vitest'
import { type AttackInput, type OpenedVictim, runAttack } from '../../src/attacks/index.ts'
import { randomStream } from '../../src/linalg/random.ts'
import { present, testImages, zooVictim } from './fashion.ts'

/** Every kind of attack: portfolio, batch-summed abort, minimal norm, fixed radius with random starts, black box. */
const ATTACKS: readonly (readonly [name: string, parameters: Readonly<Record<string, number | boolean>>])[] = [
  ['auto', {}],
  ['foolbox-cw', { binarySearchSteps: 3, steps: 60, initialConst: 1 }],
  ['ddn', { steps: 40 }],
  ['fmn', { steps: 40 }],
  ['apgd-ce', { searchSteps: 2, steps: 20 }],
  ['apgd-margin', { epsilon: 2, steps: 30 }],
  ['square', { searchSteps: 2, queries: 40 }],
]

function shuffled(samples: readonly AttackInput[], seed: number): AttackInput[] {
  const random = randomStream(seed)
  const keyed = samples.map((sample) => [random.uniform(), sample] as const)
  return keyed.sort(([a], [b]) => a - b).map(([, sample]) => sample)
}

async function run(victim: OpenedVictim, name: string, parameters: object, samples: AttackInput[], batch: number) {
  const { report, adversarials } = await runAttack(name, victim, {
    samples,
    seed: 3,
    batch,
    parameters: parameters as Record<string, number>,
  })
  // The mean over samples is added up in their order; all else is the samples' own.
  const { meanDistance: _, gradients: __, samples: rows, ...rest } = report
  return { rest, rows: new Map(rows.map((row) => [row.index, row])), adversarials: new Map(adversarials) }
}

describe.skipIf(!present)('results depend on the sample and the seed alone (skipped where the zoo is absent)', () => {
  const slow = Boolean(process.env.LIP_ONNX_SLOW)
  const few = ATTACKS.filter(([name]) => ['auto', 'foolbox-cw', 'square'].includes(name))
  for (const [file, count, attacks] of [
    ['torchlip-mlp', 66, ATTACKS],
    ['torchlip-cnn', 9, slow ? ATTACKS : few],
  ] as const) {
    it(`${file}: batches of 1, 7 and 64, one thread or two, any order`, { timeout: 600_000 }, async () => {
      const all = await testImages(count)
      const [one, two] = await Promise.all([zooVictim(file, 1), zooVictim(file, 2)])
      for (const [name, parameters] of attacks) {
        const samples = slow || name === 'auto' ? all : all.slice(0, 12)
        const base = await run(one, name, parameters, samples, 64)
        const found = [...base.rows.values()].filter(({ distance }) => distance !== null && distance > 0)
        expect(found.length, `finds of ${name}`).toBeGreaterThan(2)
        const [single, seven] = [
          await run(one, name, parameters, shuffled(samples, 1), 1),
          await run(two, name, parameters, shuffled(samples, 2), 7),
        ]
        for (const other of [single, seven]) {
          expect(other, name).toEqual(base)
        }
      }
      await Promise.all([one.release(), two.release()])
    })
  }
})
