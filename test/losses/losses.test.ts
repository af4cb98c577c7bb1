import { beforeAll, describe, expect, it } from 'vitest'
import { LipError } from '../../src/errors.ts'
import * as tf from '../../src/layers/tf.ts'
import {
  CategoricalHinge,
  createLoss,
  HingeMargin,
  HKR,
  KR,
  type Loss,
  LseHKR,
  MulticlassHinge,
  MulticlassHKR,
  MulticlassKR,
  MulticlassSoftHKR,
  MultiMargin,
  processLabelsForMultiGpu,
  TauBinaryCrossentropy,
  TauCategoricalCrossentropy,
  TauSparseCategoricalCrossentropy,
} from '../../src/losses/index.ts'
import { startBackend } from '../../src/training/backend.ts'

// deel-lip's own test vectors (reference, 6.1).
const BINARY_Y = [1, 1, 1, 1, 0, 0, 0, 0]
const BINARY_F = [0.5, 1.1, -0.1, 0.7, -1.3, -0.4, 0.2, -0.9]
const Y3 = [0, 0, 0, 1, 1, 1, 2, 2]
const F3 = [
  [1.5, 0.2, -0.5],
  [1, -1.2, 0.3],
  [0.8, 2, -2],
  [0, 1, -0.5],
  [-0.8, 2, 0],
  [2.4, -0.4, -1.1],
  [-0.1, -1.7, 0.6],
  [1.2, 1.3, 2.5],
]
const Y2 = [0, 0, 0, 1, 1, 2]
const F2 = [
  [2, 0.2, -0.5],
  [-1, -1.2, 0.3],
  [0.8, 2, 0],
  [0, 1, -0.5],
  [2.4, -0.4, -1.1],
  [-0.1, -1.7, 0.6],
]

const oneHot = (labels: readonly number[], classes = 3): number[][] =>
  labels.map((label) => Array.from({ length: classes }, (_, i) => (i === label ? 1 : 0)))

function perSample(loss: Loss, y: number[] | number[][], f: number[] | number[][]): number[] {
  return tf.tidy(() => [...loss.call(tf.tensor(y), tf.tensor(f)).dataSync()]) as unknown as number[]
}

function expectAll(actual: readonly number[], expected: readonly number[], digits = 5): void {
  expect(actual.length).toBe(expected.length)
  expected.forEach((value, i) => {
    expect(actual[i]).toBeCloseTo(value, digits)
  })
}

const scaled = (values: readonly number[], by: number): number[] => values.map((value) => value / by)

describe("losses at deel-lip's own test vectors", () => {
  beforeAll(async () => {
    await startBackend('wasm')
  })

  it('binary', () => {
    expectAll(perSample(new KR(), BINARY_Y, BINARY_F), [1, 2.2, -0.2, 1.4, 2.6, 0.8, -0.4, 1.8])
    expectAll(perSample(new HingeMargin({ minMargin: 1.4 }), BINARY_Y, BINARY_F), [0.2, 0, 0.8, 0, 0, 0.3, 0.9, 0])
    expectAll(
      perSample(new HKR({ alpha: 2.5, minMargin: 2 }), BINARY_Y, BINARY_F),
      [0.25, -2.2, 2.95, -0.65, -2.6, 0.7, 3.4, -1.55],
    )
    expectAll(
      perSample(new TauBinaryCrossentropy({ tau: 0.5 }), BINARY_Y, BINARY_F),
      [1.15188, 0.91098, 1.43692, 1.06676, 0.84011, 1.19628, 1.48879, 0.9865],
      4,
    )
  })

  it('three classes', () => {
    const y = oneHot(Y3)
    expectAll(perSample(new MulticlassKR(), y, F3), scaled([326, 314, 120, 250, 496, -258, 396, 450], 225))
    expectAll(perSample(new MulticlassHinge({ minMargin: 2 }), y, F3), scaled([17, 13, 34, 15, 12, 62, 17, 45], 30))
    expectAll(
      perSample(new MulticlassHKR({ alpha: 2.5, minMargin: 1 }), y, F3),
      scaled([-779, -656, 1395, -625, -1609, 4557, -1284, 825], 900),
    )
    expectAll(perSample(new MultiMargin({ minMargin: 0.7 }), y, F3), scaled([0, 0, 19, 0, 0, 35, 0, 0], 30))
    expectAll(perSample(new CategoricalHinge({ minMargin: 1.1 }), y, F3), [0, 0.4, 2.3, 0.1, 0, 3.9, 0.4, 0])
    const tau = [0.044275, 0.115109, 1.243572, 0.084923, 0.010887, 2.8023, 0.114224, 0.076357]
    expectAll(perSample(new TauCategoricalCrossentropy({ tau: 2 }), y, F3), tau)
    expectAll(perSample(new TauSparseCategoricalCrossentropy({ tau: 2 }), Y3, F3), tau)
    expectAll(
      perSample(new MulticlassSoftHKR({ alpha: 5, minMargin: 0.2 }), y, F3),
      [-0.10878129, 0.12582462, 2.2788424, -0.17646402, -0.38242298, 3.4523692, -0.19672059, 1.1028761],
    )
    expectAll(
      perSample(new LseHKR({ alpha: 5, minMargin: 0.2 }), y, F3),
      [0.03445601, 0.21667106, 1.9499999, -0.07889394, -0.2494376, 2.9666667, -0.11666449, 1.0251629],
    )
  })

  it('batch means, and the running mean of the soft one', () => {
    const mean = (loss: Loss): number =>
      tf.tidy(() => loss.apply(tf.tensor(oneHot(Y2)), tf.tensor(F2)).dataSync()[0]!) as unknown as number
    expect(mean(new MulticlassKR())).toBeCloseTo(761 / 1800, 5)
    expect(mean(new MulticlassHKR({ alpha: 5, minMargin: 2 }))).toBeCloseTo(1071 / 200, 5)
    expect(mean(new LseHKR({ alpha: 5, minMargin: 0.2 }))).toBeCloseTo(1.0231503, 5)
    const soft = new MulticlassSoftHKR({ alpha: 5, minMargin: 0.2 })
    // Evaluation does not move the statistics.
    const evaluated = tf.tidy(
      () => soft.evaluate(tf.tensor(oneHot(Y2)), tf.tensor(F2)).dataSync()[0]!,
    ) as unknown as number
    expect(evaluated).toBeCloseTo(1.0897621, 5)
    expect(mean(soft)).toBeCloseTo(1.0897621, 5)
    expect(mean(soft)).toBeCloseTo(1.0834466, 5)
  })

  it('labels in {0, 1} and {-1, 1}, int and float, give the same numbers', () => {
    const y = oneHot(Y3)
    const signed = y.map((row) => row.map((value) => 2 * value - 1))
    const binarySigned = BINARY_Y.map((value) => 2 * value - 1)
    const multiclass: Loss[] = [
      new MulticlassKR(),
      new MulticlassHinge(),
      new MulticlassHKR(),
      new MultiMargin(),
      new CategoricalHinge(),
      new LseHKR(),
    ]
    for (const loss of multiclass) {
      expect(perSample(loss, signed, F3)).toEqual(perSample(loss, y, F3))
      const integers = tf.tidy(() => [...loss.call(tf.tensor(y, undefined, 'int32'), tf.tensor(F3)).dataSync()])
      expect(integers).toEqual(perSample(loss, y, F3))
    }
    for (const loss of [new KR(), new HingeMargin(), new HKR({ alpha: 3 }), new TauBinaryCrossentropy({ tau: 2 })]) {
      expect(perSample(loss, binarySigned, BINARY_F)).toEqual(perSample(loss, BINARY_Y, BINARY_F))
    }
  })

  it('split batches with processed labels sum to the whole', () => {
    tf.tidy(() => {
      const y = processLabelsForMultiGpu(tf.tensor(oneHot(Y3))) as tf.Tensor2D
      const f = tf.tensor2d(F3)
      const loss = new MulticlassKR({ multiGpu: true, reduction: 'sum' })
      const part = (from: number): number => loss.apply(tf.slice(y, from, 4), tf.slice(f, from, 4)).dataSync()[0]!
      const whole = new MulticlassKR({ reduction: 'sum' }).apply(tf.tensor(oneHot(Y3)), f).dataSync()[0]!
      expect(part(0) + part(4)).toBeCloseTo(whole, 4)
    })
  })

  it('configurations round-trip, infinity included', () => {
    const losses: Loss[] = [
      new KR({ multiGpu: true }),
      new HKR({ alpha: Number.POSITIVE_INFINITY, minMargin: 0.3, reduction: 'sum', name: 'x' }),
      new HingeMargin({ minMargin: 0.2, compat: 'deel-lip-1.2' }),
      new MulticlassKR({ reduction: 'none' }),
      new MulticlassHinge({ minMargin: 0.2 }),
      new MulticlassHKR({ alpha: 7, minMargin: 0.2, multiGpu: true }),
      new MulticlassSoftHKR({ alpha: 3, minMargin: 0.2, alphaMean: 0.9, temperature: 4 }),
      new MultiMargin({ minMargin: 3 }),
      new CategoricalHinge({ minMargin: 4 }),
      new TauCategoricalCrossentropy({ tau: 5 }),
      new TauSparseCategoricalCrossentropy({ tau: 6 }),
      new TauBinaryCrossentropy({ tau: 7 }),
      new LseHKR({ alpha: 0.4, temperature: 2, penalty: 3, minMargin: 0.1 }),
    ]
    for (const loss of losses) {
      const config = loss.getConfig()
      const json = JSON.parse(
        JSON.stringify(config, (_, value) => (value === Number.POSITIVE_INFINITY ? 'Infinity' : value)),
      )
      const again = createLoss({ className: `deel-lip>${loss.getClassName()}`, config: json })
      expect(again.constructor).toBe(loss.constructor)
      expect(again.getConfig()).toEqual(config)
    }
  })

  it('refuses what it cannot compute', () => {
    expect(() => new HKR()).toThrow(/alpha of loss "HKR" must be nonnegative/)
    expect(() => new TauBinaryCrossentropy({})).toThrow(/tau of loss/)
    expect(() => createLoss({ className: 'Fancy' })).toThrow(LipError)
    expect(() => tf.tidy(() => new KR().apply(tf.zeros([4, 2]), tf.zeros([4, 3])))).toThrow(/do not fit predictions/)
    expect(() => new KR({ reduction: 'median' as 'sum' })).toThrow(/Unknown reduction/)
  })

  it('leaks nothing', () => {
    const y = tf.tensor(oneHot(Y3))
    const f = tf.tensor(F3)
    const losses = [
      new MulticlassHKR(),
      new MulticlassSoftHKR(),
      new LseHKR(),
      new TauCategoricalCrossentropy({ tau: 2 }),
    ]
    const before = tf.memory().numTensors
    for (const loss of losses) loss.apply(y, f).dispose()
    expect(tf.memory().numTensors).toBe(before)
  })
})
