import { beforeAll, describe, expect, it } from 'vitest'
import * as tf from '../../src/layers/tf.ts'
import { randomStream } from '../../src/linalg/random.ts'
import {
  BinaryProvableAvgRobustness,
  BinaryProvableRobustAccuracy,
  CategoricalProvableAvgRobustness,
  CategoricalProvableRobustAccuracy,
  createMetric,
  type ProvableMetric,
  pairNorms,
} from '../../src/metrics/index.ts'
import { startBackend } from '../../src/training/backend.ts'

const Y = [
  [1, 0, 0],
  [1, 0, 0],
  [0, 1, 0],
  [0, 1, 0],
]
const F = [
  [1, 0, 0],
  [0.1, 0, 0],
  [0, 0, 1],
  [0, 0, 0.1],
]

function value(metric: ProvableMetric, y: number[][] | number[] = Y, f: number[][] | number[] = F): number {
  return tf.tidy(() => metric.apply(tf.tensor(y), tf.tensor(f)).dataSync()[0]!) as unknown as number
}

describe('provable metrics', () => {
  beforeAll(async () => {
    await startBackend('wasm')
  })

  it("deel-lip's golden numbers, to single precision", () => {
    expect(value(new CategoricalProvableRobustAccuracy({ epsilon: 0.25, disjointNeurons: false }))).toBeCloseTo(0.25, 6)
    expect(value(new CategoricalProvableAvgRobustness({ disjointNeurons: false }))).toBeCloseTo(0.275 / Math.SQRT2, 6)
    expect(value(new CategoricalProvableAvgRobustness())).toBeCloseTo(0.1375, 6)
    expect(
      value(new CategoricalProvableAvgRobustness({ disjointNeurons: false, negativeRobustness: true })),
    ).toBeCloseTo(0, 6)
    expect(
      value(new BinaryProvableRobustAccuracy({ epsilon: 0.5, lipConst: 2 }), [1, 0, -1], [2, -0.5, 3]),
    ).toBeCloseTo(1 / 3, 6)
    expect(
      value(new BinaryProvableAvgRobustness({ lipConst: 2, negativeRobustness: true }), [1, 0, -1], [2, -0.5, 3]),
    ).toBeCloseTo((1 + 0.25 - 1.5) / 3, 6)
  })

  it('pair norms: the exact radius of a linear classifier, never below deel-lip on unit columns', () => {
    tf.tidy(() => {
      const { normal } = randomStream(3)
      const raw = Array.from({ length: 6 }, () => Array.from({ length: 4 }, normal))
      const norms = [0, 1, 2, 3].map((j) => Math.hypot(...raw.map((row) => row[j]!)))
      const w = tf.tensor2d(raw.map((row) => row.map((entry, j) => entry / norms[j]!)))
      const x = tf.tensor2d(Array.from({ length: 8 }, () => Array.from({ length: 6 }, normal)))
      const f = tf.matMul(x, w) as tf.Tensor2D
      const y = tf.oneHot(tf.argMax(f, 1), 4)
      const paired = new CategoricalProvableAvgRobustness({ pairNorms: pairNorms(w) })
      const radii = paired.call(y, f).dataSync()
      const simple = new CategoricalProvableAvgRobustness().call(y, f).dataSync()
      const columns = w.arraySync()
      const logits = f.arraySync()
      logits.forEach((row, i) => {
        const label = row.indexOf(Math.max(...row))
        const exact = Math.min(
          ...row.flatMap((logit, j) =>
            j === label ? [] : [(row[label]! - logit) / Math.hypot(...columns.map((c) => c[label]! - c[j]!))],
          ),
        )
        expect(radii[i]).toBeCloseTo(exact, 5)
        expect(radii[i]).toBeGreaterThanOrEqual(simple[i]! * (1 - 1e-6))
      })
    })
  })

  it('configurations round-trip', () => {
    const metrics: ProvableMetric[] = [
      new CategoricalProvableRobustAccuracy({
        epsilon: 0.1,
        lipConst: 2,
        disjointNeurons: false,
        pairNorms: [
          [0, 1],
          [1, 0],
        ],
      }),
      new CategoricalProvableAvgRobustness({ lipConst: 2, negativeRobustness: true, name: 'r' }),
      new BinaryProvableRobustAccuracy({ epsilon: 0.1, lipConst: 2 }),
      new BinaryProvableAvgRobustness({ lipConst: 2, negativeRobustness: true }),
    ]
    for (const metric of metrics) {
      const again = createMetric({
        className: metric.getClassName(),
        config: JSON.parse(JSON.stringify(metric.getConfig())),
      })
      expect(again.getConfig()).toEqual(metric.getConfig())
    }
  })
})
