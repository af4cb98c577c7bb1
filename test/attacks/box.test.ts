import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createDomain, neighbour } from '../../src/attacks/domain.ts'
import { projectOntoPlane } from '../../src/attacks/projection.ts'
import { runAttack } from '../../src/attacks/registry.ts'
import { LipError } from '../../src/errors.ts'
import { randomStream } from '../../src/linalg/random.ts'
import { affine, victimOf } from './analytic-victim.ts'

/** Exact distance from x to {z in the box: <w, z> <= b} by bisection on the multiplier; Infinity when no such z exists. */
function constrainedDistance(x: readonly number[], w: readonly number[], b: number, low: number, high: number): number {
  const at = (t: number) => x.map((v, i) => Math.min(high, Math.max(low, v - t * w[i]!)))
  const value = (z: readonly number[]) => z.reduce((sum, v, i) => sum + w[i]! * v, 0)
  const corner = w.map((v) => (v > 0 ? low : high))
  if (value(corner) > b) return Infinity
  let left = 0
  let right = 1
  while (value(at(right)) > b && right < 1e12) right *= 2
  for (let k = 0; k < 200; k++) {
    const middle = (left + right) / 2
    if (value(at(middle)) > b) left = middle
    else right = middle
  }
  return Math.hypot(...at(right).map((v, i) => v - x[i]!))
}

function boxProblem(seed: number, size: number, shift: number) {
  const random = randomStream(seed, size)
  const w = Array.from({ length: size }, () => random.normal())
  const image = Float32Array.from({ length: size }, () => random.uniform())
  const inside = w.reduce((sum, v, i) => sum + v * image[i]!, 0)
  // m(x) = <w, x> - threshold, positive at the image.
  const threshold = inside - shift
  const network = affine([w, w.map(() => 0)], [-threshold, 0], { low: 0, high: 1 })
  return { network, image, truth: constrainedDistance([...image], w, threshold, 0, 1) }
}

describe('affine network in a tight box', () => {
  for (const [name, tolerance] of [
    ['auto', 1.003],
    ['fab-t', 1.002],
    ['fmn', 1.02],
  ] as const) {
    it(`${name} finds the constrained distance`, async () => {
      for (let seed = 0; seed < 6; seed++) {
        const { network, image, truth } = boxProblem(seed, 12, 0.8)
        const { report, adversarials } = await runAttack(name, victimOf(network), {
          samples: [{ index: 0, label: 0, image }],
        })
        const [sample] = report.samples
        if (truth === Infinity) {
          expect(sample!.status).toBe('not-found')
          continue
        }
        expect(sample!.distance! / truth, `seed ${seed}`).toBeGreaterThan(1 - 1e-5)
        expect(sample!.distance! / truth, `seed ${seed}`).toBeLessThan(tolerance)
        for (const v of adversarials.get(0)!) expect(v >= 0 && v <= 1).toBe(true)
      }
    })
  }

  it('reports not-found, with neither distance nor point, when the box holds no adversarial', async () => {
    const network = affine(
      [
        [1, 1],
        [0, 0],
      ],
      [0.5, 0],
    )
    for (const name of ['auto', 'foolbox-cw', 'fmn', 'ddn', 'pgd', 'square', 'hop-skip-jump']) {
      const parameters = name === 'foolbox-cw' ? { steps: 50 } : name === 'square' ? { queries: 50 } : {}
      const { report, adversarials } = await runAttack(name, victimOf(network), {
        samples: [{ index: 3, label: 0, image: Float32Array.of(0.5, 0.5) }],
        parameters,
      })
      expect(report.samples, name).toEqual([{ index: 3, status: 'not-found', distance: null, target: null }])
      expect(adversarials.size, name).toBe(0)
      expect(report.meanDistance).toBeNull()
    }
  })

  it('starts from a corner of the box', async () => {
    const network = affine(
      [
        [-1, -1, 0.1],
        [0, 0, 0],
      ],
      [1, 0],
    ) // prettier
    const image = Float32Array.of(0, 0, 1)
    const { report } = await runAttack('auto', victimOf(network), { samples: [{ index: 0, label: 0, image }] })
    const truth = constrainedDistance([0, 0, 1], [-1, -1, 0.1], -1, 0, 1)
    expect(report.samples[0]!.distance! / truth).toBeLessThan(1.001)
  })

  it('serves any interval, per channel too', async () => {
    for (const box of [
      { low: -1, high: 1 },
      { low: 0, high: 255 },
      { low: [-2, 0], high: [3, 10] },
    ]) {
      const base = affine(
        [
          [1, 2, -1, 0.5],
          [0, 0, 0, 0],
        ],
        [0, 0],
        box,
      )
      const network = { ...base, dims: [2, 1, 2] }
      const { low, high } = createDomain(network.dims, 2, box)
      const image = low.map((l, i) => l + 0.6 * (high[i]! - l))
      const label = network.forward(Float64Array.from(image))[0]! > 0 ? 0 : 1
      const { report, adversarials } = await runAttack('auto', victimOf(network), {
        samples: [{ index: 0, label, image }],
      })
      if (report.samples[0]!.distance === null) continue
      adversarials.get(0)!.forEach((v, i) => {
        expect(v >= low[i]! && v <= high[i]!).toBe(true)
      })
    }
  })
})

describe('domain', () => {
  it('rounds bounds inwards and rejects what is no interval', () => {
    const { low, high } = createDomain([1], 2, { low: 0.1, high: 0.3 })
    expect(low[0]! >= 0.1 && high[0]! <= 0.3).toBe(true)
    expect(() => createDomain([1], 2, { low: 1, high: 0 })).toThrow(LipError)
    expect(() => createDomain([3, 2, 2], 2, { low: [0, 0], high: 1 })).toThrow(/2 channels/)
  })

  it('neighbour walks over float32 numbers in order', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.integer({ min: -5, max: 5 }), (x, ulps) => {
        const y = neighbour(x, ulps)
        expect(Math.fround(y)).toBe(y)
        expect(Math.sign(y - x) === Math.sign(ulps) || ulps === 0 || !Number.isFinite(y)).toBe(true)
        if (Number.isFinite(y)) expect(neighbour(y, -ulps) + 0).toBe(Math.fround(x) + 0)
      }),
    )
    expect(neighbour(1, 1)).toBe(1 + 2 ** -23)
  })
})

describe('projection onto plane and box', () => {
  it('agrees with bisection on the multiplier', () => {
    const value = fc.double({ min: -2, max: 2, noNaN: true })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(value, fc.double({ min: 0, max: 1, noNaN: true })), { minLength: 2, maxLength: 12 }),
        value,
        (rows, b) => {
          const w = rows.map(([v]) => v)
          const x = rows.map(([, v]) => v)
          const into = new Float64Array(x.length)
          const low = new Float32Array(x.length)
          const high = new Float32Array(x.length).fill(1)
          projectOntoPlane(x, w, b, { low, high }, into)
          const inside = w.reduce((sum, v, i) => sum + v * x[i]!, 0)
          const sign = inside > b ? 1 : -1
          const truth = constrainedDistance(
            x,
            w.map((v) => sign * v),
            sign * b,
            0,
            1,
          )
          const distance = Math.hypot(...into.map((v, i) => v - x[i]!))
          if (truth < Infinity && Math.hypot(...w) > 1e-3) expect(Math.abs(distance - truth)).toBeLessThan(1e-6)
          into.forEach((v) => {
            expect(v >= 0 && v <= 1).toBe(true)
          })
        },
      ),
    )
  })
})
