import { describe, expect, it } from 'vitest'
import { runAttack } from '../../src/attacks/registry.ts'
import { randomStream } from '../../src/linalg/random.ts'
import { affine, victimOf } from './analytic-victim.ts'

/** A random affine network, an image, and the exact distances to the nearest decision boundary. */
function problem(classes: number, size: number, scale: number) {
  const random = randomStream(classes, size)
  const weights = Array.from({ length: classes }, () => Array.from({ length: size }, () => scale * random.normal()))
  const bias = Array.from({ length: classes }, () => 0.1 * scale * random.normal())
  const network = affine(weights, bias, { low: -10, high: 10 })
  const image = Float32Array.from({ length: size }, () => random.normal())
  const z = network.forward(Float64Array.from(image))
  const label = z.indexOf(Math.max(...z))
  const over = (dual: (row: number[]) => number) =>
    Math.min(
      ...weights.flatMap((row, j) =>
        j === label ? [] : [(z[label]! - z[j]!) / dual(row.map((w, i) => weights[label]![i]! - w))],
      ),
    )
  return {
    network,
    sample: { index: 0, label, image },
    l2: over((row) => Math.hypot(...row)),
    linf: over((row) => row.reduce((sum, w) => sum + Math.abs(w), 0)),
  }
}

/** Attack, largest ratio of found to true distance, parameters. */
const L2: readonly (readonly [string, number, Record<string, number | boolean>?])[] = [
  ['auto', 1.0005],
  ['fmn', 1.002],
  ['fab-t', 1.0005],
  ['deep-fool', 1.0005],
  ['ddn', 1.01],
  ['apgd-margin', 1.002, { steps: 30, searchSteps: 10 }],
  ['apgd-ce', 1.02, { steps: 30, searchSteps: 8 }],
  ['apgd-dlr', 1.02, { steps: 30, searchSteps: 8 }],
  ['pgd', 1.02, { randomStart: false }],
  ['fgm', 1.0005],
  ['carlini-wagner', 1.02, { steps: 500, initialConst: 1 }],
  ['hop-skip-jump', 1.1, { steps: 10 }],
]

describe('two classes, wide box: every L2 attack finds the distance to the hyperplane', () => {
  for (const [name, tolerance, parameters] of L2) {
    it(`${name} within a factor ${tolerance}`, async () => {
      for (const [size, scale] of [
        [1, 1],
        [2, 1e-3],
        [17, 1e3],
      ] as const) {
        // Constants of Carlini-Wagner are meant for logits of order one, and cross-entropy has no gradient for large ones.
        const moderate = /carlini|ce$|pgd$|fgm/.test(name)
        const { network, sample, l2 } = problem(2, size, moderate && scale > 1 ? 1 : scale)
        const { report } = await runAttack(name, victimOf(network), {
          samples: [sample],
          ...(parameters && { parameters }),
        })
        const ratio = report.samples[0]!.distance! / l2
        expect(report.samples[0]!.status).toBe('open')
        expect(ratio).toBeGreaterThan(1 - 1e-5)
        expect(ratio).toBeLessThan(tolerance)
      }
    })
  }

  for (const [name, tolerance] of [
    ['fmn-linf', 1.002],
    ['fgsm', 1.0005],
    ['bim-linf', 1.02],
    ['pgd-linf', 1.3],
    ['apgd-ce-linf', 1.02],
    ['deep-fool-linf', 1.0005],
  ] as const) {
    it(`${name} within a factor ${tolerance} in L-infinity`, async () => {
      const { network, sample, linf } = problem(2, 17, 1)
      const { report } = await runAttack(name, victimOf(network), { samples: [sample] })
      const ratio = report.samples[0]!.distanceLinf! / linf
      expect(ratio).toBeGreaterThan(1 - 1e-5)
      expect(ratio).toBeLessThan(tolerance)
    })
  }
})

describe('many classes: the nearest class is not always the runner-up', () => {
  for (const name of ['auto', 'fab-t', 'deep-fool']) {
    it(`${name} goes to the nearest`, async () => {
      for (const classes of [3, 10]) {
        const { network, sample, l2 } = problem(classes, 30, 1)
        const { report } = await runAttack(name, victimOf(network), { samples: [sample] })
        expect(report.samples[0]!.distance! / l2).toBeGreaterThan(1 - 1e-5)
        expect(report.samples[0]!.distance! / l2).toBeLessThan(1.0005)
      }
    })
  }

  it('a targeted run reaches its class, farther away', async () => {
    const { network, sample, l2 } = problem(10, 30, 1)
    for (const target of [0, 5].filter((t) => t !== sample.label)) {
      for (const name of ['auto', 'fmn', 'carlini-wagner']) {
        const parameters = name === 'carlini-wagner' ? { steps: 300, initialConst: 10 } : {}
        const { report } = await runAttack(name, victimOf(network), { samples: [{ ...sample, target }], parameters })
        expect(report.samples[0]!.target).toBe(target)
        expect(report.samples[0]!.distance!).toBeGreaterThan(l2 * (1 - 1e-5))
      }
    }
  })
})

describe('one logit: the sign decides', () => {
  it('positive and negative samples, distance |w x + b| / |w|', async () => {
    const network = affine([[3, -4]], [0.5], { low: -10, high: 10 })
    for (const [image, label] of [
      [Float32Array.of(1, 0), 1],
      [Float32Array.of(-1, 0), 0],
      [Float32Array.of(-1, 0), -1],
    ] as const) {
      const truth = Math.abs(3 * image[0]! - 4 * image[1]! + 0.5) / 5
      for (const name of ['auto', 'fmn', 'ddn', 'fab-t', 'deep-fool', 'carlini-wagner', 'apgd-ce', 'fgm']) {
        const parameters = name === 'carlini-wagner' ? { steps: 800, initialConst: 1 } : {}
        const { report } = await runAttack(name, victimOf(network), {
          samples: [{ index: 0, label, image }],
          parameters,
        })
        expect(report.samples[0]!.distance! / truth, name).toBeGreaterThan(1 - 1e-5)
        expect(report.samples[0]!.distance! / truth, name).toBeLessThan(1.02)
      }
    }
  })
})
