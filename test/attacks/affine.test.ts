import { describe, expect, it } from 'vitest'
import { runAttack } from '../../src/attacks/registry.ts'
import { randomStream } from '../../src/linalg/random.ts'
import { affine, victimOf } from './analytic-victim.ts'

/** Largest ratio of found to true distance that each attack may have on an affine network. */
const TOLERANCE: readonly (readonly [string, number])[] = [
  ['auto', 1.0005],
  ['fmn', 1.005],
  ['carlini-wagner', 1.02],
]

describe('affine networks with a wide box: the distance is the nearest hyperplane', () => {
  for (const [name, tolerance] of TOLERANCE) {
    it(`${name} finds it within a factor ${tolerance}`, async () => {
      for (const [classes, size, scale] of [
        [2, 1, 1],
        [2, 17, 1e-3],
        [3, 2, 1e3],
        [10, 30, 1],
      ] as const) {
        const random = randomStream(classes, size)
        const weights = Array.from({ length: classes }, () =>
          Array.from({ length: size }, () => scale * random.normal()),
        )
        const bias = Array.from({ length: classes }, () => 0.1 * scale * random.normal())
        const network = affine(weights, bias, { low: -10, high: 10 })
        const image = Float32Array.from({ length: size }, () => random.normal())
        const z = network.forward(Float64Array.from(image))
        const label = z.indexOf(Math.max(...z))
        const truth = Math.min(
          ...weights.flatMap((row, j) =>
            j === label ? [] : [(z[label]! - z[j]!) / Math.hypot(...row.map((w, i) => weights[label]![i]! - w))],
          ),
        )
        const parameters = name === 'carlini-wagner' ? { steps: 1500, initialConst: 1 } : {}
        const { report } = await runAttack(name, victimOf(network), {
          samples: [{ index: 0, label, image }],
          parameters,
        })
        const [sample] = report.samples
        expect(sample!.status).toBe('open')
        expect(sample!.distance! / truth).toBeGreaterThan(1 - 1e-5)
        expect(sample!.distance! / truth).toBeLessThan(tolerance)
      }
    })
  }
})
