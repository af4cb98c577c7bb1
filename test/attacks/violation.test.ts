import { describe, expect, it } from 'vitest'
import { runAttack } from '../../src/attacks/registry.ts'
import { randomStream } from '../../src/linalg/random.ts'
import { type AnalyticNetwork, victimOf } from './analytic-victim.ts'

const SIZE = 16
const CLASSES = 5

/** Orthogonal linear stack with GroupSort2 between and a head of unit rows: 1-Lipschitz, certificates nearly attained. */
function orthogonalStack(seed: number, weightError = 1): AnalyticNetwork {
  const first = orthogonal(seed, weightError)
  const second = orthogonal(seed + 1)
  const head = Array.from({ length: CLASSES }, (_, k) => {
    const random = randomStream(seed + 2, k)
    const row = Array.from({ length: SIZE }, () => random.normal())
    const length = Math.hypot(...row)
    return row.map((v) => v / length)
  })
  const apply = (matrix: number[][], x: ArrayLike<number>) =>
    matrix.map((row) => row.reduce((s, w, i) => s + w * x[i]!, 0))
  const transposed = (matrix: number[][], g: readonly number[]) =>
    matrix[0]!.map((_, i) => matrix.reduce((s, row, k) => s + row[i]! * g[k]!, 0))
  const swaps = (h: readonly number[]) => h.map((v, i) => (i % 2 === 0 ? v > h[i + 1]! : v < h[i - 1]!))
  const permute = (h: readonly number[], by: readonly boolean[]) =>
    h.map((v, i) => (by[i] ? h[i % 2 === 0 ? i + 1 : i - 1]! : v))
  return {
    dims: [SIZE],
    classes: CLASSES,
    box: { low: -10, high: 10 },
    forward: (x) => {
      const h = apply(first, x)
      return Float64Array.from(apply(head, apply(second, permute(h, swaps(h)))))
    },
    pullback: (x, u) => {
      const h = apply(first, x)
      const back = transposed(second, transposed(head, [...u]))
      return Float64Array.from(transposed(first, permute(back, swaps(h))))
    },
  }
}

/** Gram-Schmidt on random rows; `factor` scales the row that matters most for the test's image. */
function orthogonal(seed: number, factor = 1): number[][] {
  const random = randomStream(seed)
  const rows: number[][] = []
  while (rows.length < SIZE) {
    let row = Array.from({ length: SIZE }, () => random.normal())
    for (let pass = 0; pass < 2; pass++) {
      for (const other of rows) {
        const along = row.reduce((s, v, i) => s + v * other[i]!, 0)
        row = row.map((v, i) => v - along * other[i]!)
      }
    }
    const length = Math.hypot(...row)
    rows.push(row.map((v) => v / length))
  }
  return rows.map((row) => row.map((v) => v * factor))
}

/** Pair certificates under the claim that everything before the head is 1-Lipschitz. */
function certificates(network: AnalyticNetwork, seed: number, count: number) {
  const head = Array.from({ length: CLASSES }, (_, k) => {
    const u = new Float64Array(CLASSES)
    u[k] = 1
    return u
  })
  const pairNorm = (i: number, j: number) => {
    // Rows of the head through the orthogonal part keep their norms: the gradient's norm is |w_i - w_j|.
    const u = head[i]!.map((v, k) => v - head[j]![k]!)
    return Math.hypot(...orthogonalStack(seed).pullback(new Float64Array(SIZE).fill(0.1), u))
  }
  const random = randomStream(seed, 77)
  const samples = Array.from({ length: count }, (_, index) => {
    const image = Float32Array.from({ length: SIZE }, () => random.normal() * 0.5)
    const z = network.forward(Float64Array.from(image))
    return { index, image, label: z.indexOf(Math.max(...z)), z }
  })
  const radii = new Map(
    samples.map(({ index, label, z }) => {
      const towards = (j: number) => (z[label]! - z[j]!) / pairNorm(label, j)
      const others = Array.from({ length: CLASSES }, (_, j) => j).filter((j) => j !== label)
      return [index, { radius: Math.min(...others.map(towards)), towards }] as const
    }),
  )
  return { samples, radii }
}

const scaled = (radii: ReturnType<typeof certificates>['radii'], factor: number) =>
  new Map([...radii].map(([index, { radius }]) => [index, { radius: radius * factor }]))

describe('tight certificates', () => {
  const network = orthogonalStack(1)
  const { samples, radii } = certificates(network, 1, 12)

  it('auto comes down to the certificate and never below', async () => {
    const { report } = await runAttack('auto', victimOf(network), { samples, certificates: radii })
    expect(report.minRatio!).toBeGreaterThan(1 - 1e-6)
    expect(report.samples.every(({ status }) => status === 'tight' || status === 'open')).toBe(true)
    // Many images lie so that the straight way to the boundary crosses no fold: there the certificate is the distance.
    expect(report.samples.filter(({ status }) => status === 'tight').length).toBeGreaterThan(3)
  })

  it('a certificate 1.05 times too large is a confirmed violation', async () => {
    const { report, adversarials } = await runAttack('auto', victimOf(network), {
      samples,
      certificates: scaled(radii, 1.05),
    })
    const beaten = report.samples.filter(({ status }) => status === 'confirmed-violation')
    expect(beaten.length).toBeGreaterThan(3)
    expect(report.minRatio!).toBeLessThan(1)
    for (const { index, distance } of beaten) {
      expect(distance!).toBeLessThan(1.05 * radii.get(index)!.radius)
      expect(adversarials.get(index)).toBeDefined()
    }
  })

  it('a weight matrix 1.05 times too large, under an honest certificate rule, is a confirmed violation', async () => {
    const mutant = orthogonalStack(1, 1.05)
    // The certificate divides the mutant's own margins by the constants that the intact network has.
    const claimed = certificates(mutant, 1, 12)
    const { report } = await runAttack('auto', victimOf(mutant), {
      samples: claimed.samples,
      certificates: claimed.radii,
    })
    expect(report.samples.some(({ status }) => status === 'confirmed-violation')).toBe(true)
  })

  it('every minimal attack raises the alarm, not auto alone', async () => {
    for (const name of ['fmn', 'fab-t', 'ddn', 'deep-fool', 'rounding-search', 'apgd-margin']) {
      const parameters = name === 'rounding-search' ? { candidates: 8, rounds: 1 } : {}
      const { report } = await runAttack(name, victimOf(network), {
        samples,
        certificates: scaled(radii, 1.05),
        parameters,
      })
      expect(
        report.samples.some(({ status }) => status === 'confirmed-violation'),
        name,
      ).toBe(true)
    }
  })

  it('is only a candidate when the float64 evaluation disagrees, or is missing', async () => {
    const disagreeing = victimOf(network, {
      exact: (x) => {
        const z = network.forward(x)
        return z.map((v, k) => v - Math.abs(k - samples[0]!.label))
      },
    })
    const options = { samples: samples.slice(0, 1), certificates: scaled(radii, 2) }
    const { report } = await runAttack('auto', disagreeing, options)
    expect(report.samples[0]!.status).toBe('candidate-violation')
    const { exactLogits: _, ...blind } = victimOf(network)
    const alone = await runAttack('auto', blind, options)
    expect(alone.report.samples[0]!.status).toBe('candidate-violation')
  })

  it('a loose certificate is open, no failure', async () => {
    const { report } = await runAttack('auto', victimOf(network), { samples, certificates: scaled(radii, 0.5) })
    expect(report.samples.every(({ status }) => status === 'open')).toBe(true)
    expect(report.minRatio!).toBeGreaterThan(1.9)
  })

  it('stops at the certificate: nothing nearer exists', async () => {
    const open = await runAttack('auto', victimOf(network), { samples })
    const closed = await runAttack('auto', victimOf(network), { samples, certificates: radii })
    expect(closed.report.gradients!).toBeLessThan(0.8 * open.report.gradients!)
  })
})
