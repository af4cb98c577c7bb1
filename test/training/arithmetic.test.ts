import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { selectClasses } from '../../src/data/select-classes.ts'
import { shapes } from '../../src/data/shapes.ts'
import { SpectralDense, WeightClipConstraint } from '../../src/layers/index.ts'
import * as tf from '../../src/layers/tf.ts'
import { permutation, randomStream } from '../../src/linalg/random.ts'
import { KR, MulticlassKR } from '../../src/losses/index.ts'
import { augment } from '../../src/training/augment.ts'
import { startBackend } from '../../src/training/backend.ts'
import { gatherBatch } from '../../src/training/batch.ts'
import { bestEpoch, isStalled } from '../../src/training/best-epoch.ts'
import { accuracy, multiclassKR } from '../../src/training/epoch-metrics.ts'
import { adam } from '../../src/training/optimizers/adam.ts'
import { sgd } from '../../src/training/optimizers/sgd.ts'
import { learningRateAt } from '../../src/training/schedule.ts'
import { weightStore } from '../../src/training/variables.ts'

beforeAll(async () => {
  await startBackend('cpu')
})

describe('optimizers', () => {
  const start = () => [Float32Array.from([1, -2, 0.5])]
  const gradientAt = (step: number) => [Float32Array.from([0.3 / step, -0.1, step])]

  it("Adam's first step has the length of the learning rate, whatever the gradient", () => {
    const values = start()
    const optimizer = adam()
    optimizer.update(optimizer.create([3]), values, gradientAt(1), 0.01)
    ;[0.99, -1.99, 0.49].forEach((expected, i) => {
      expect(values[0]![i]).toBeCloseTo(expected, 5)
    })
  })

  it('Adam takes the steps of the algorithm in float64', () => {
    const values = start()
    const optimizer = adam({ beta1: 0.8, beta2: 0.9, epsilon: 1e-3 })
    const state = optimizer.create([3])
    const m = [0, 0, 0]
    const v = [0, 0, 0]
    const x = [1, -2, 0.5]
    for (let t = 1; t <= 20; t++) {
      optimizer.update(state, values, gradientAt(t), 0.02)
      gradientAt(t)[0]!.forEach((g, i) => {
        m[i] = 0.8 * m[i]! + 0.2 * g
        v[i] = 0.9 * v[i]! + 0.1 * g * g
        x[i]! -= (((0.02 * Math.sqrt(1 - 0.9 ** t)) / (1 - 0.8 ** t)) * m[i]!) / (Math.sqrt(v[i]!) + 1e-3)
      })
    }
    x.forEach((expected, i) => {
      expect(values[0]![i]).toBeCloseTo(expected, 5)
    })
    expect(state.step).toBe(20)
  })

  it("Adam follows TensorFlow.js' own, which adds epsilon after the bias correction", () => {
    const values = start()
    const optimizer = adam({ epsilon: 1e-12 })
    const state = optimizer.create([3])
    const variable = tf.variable(tf.tensor1d([1, -2, 0.5]), true, 'adam-test')
    const theirs = tf.train.adam(0.01, 0.9, 0.999, 1e-12)
    for (let t = 1; t <= 30; t++) {
      optimizer.update(state, values, gradientAt(t), 0.01)
      theirs.applyGradients([{ name: 'adam-test', tensor: tf.tensor1d(gradientAt(t)[0]!) }])
    }
    variable.dataSync().forEach((expected, i) => {
      expect(values[0]![i]).toBeCloseTo(expected, 4)
    })
  })

  it('momentum: a constant gradient g gives the geometric sums, Nesterov looks one step ahead', () => {
    for (const nesterov of [false, true]) {
      const values = [Float32Array.from([0])]
      const optimizer = sgd({ momentum: 0.5, nesterov })
      const state = optimizer.create([1])
      // v_t = -(1 + 1/2 + ... ) rate g; x_t = sum of v (or of v / 2 - rate g).
      const expected = nesterov ? [-1.5, -3.25, -5.125] : [-1, -2.5, -4.25]
      for (const x of expected) {
        optimizer.update(state, values, [Float32Array.from([1])], 1)
        expect(values[0]![0]).toBe(x)
      }
    }
  })

  it('constraints hold after every update', () => {
    const layer = new SpectralDense({ units: 2, kernelConstraint: new WeightClipConstraint({ c: 0.25 }) })
    layer.build([null, 3])
    const store = weightStore([layer])
    store.writeVariables(store.readVariables().map((v) => v.fill(3)))
    expect(Array.from(store.readVariables()[0]!)).toEqual(Array(6).fill(0.25))
  })
})

describe('schedules', () => {
  it('constant and steps', () => {
    expect(learningRateAt(2, { kind: 'constant' }, 0.7)).toBe(2)
    const steps = { kind: 'steps', at: [0.5, 0.75], factor: 0.1 } as const
    expect([0, 0.499, 0.5, 0.8].map((p) => learningRateAt(1, steps, p))).toEqual([1, 1, 0.1, 0.1 * 0.1])
  })

  it('cosine: rises to the rate, falls to the floor, never leaves [0, rate]', () => {
    const schedule = { kind: 'cosine', warmup: 0.2, floor: 0.1 } as const
    expect(learningRateAt(1, schedule, 0)).toBeGreaterThan(0)
    expect(learningRateAt(1, schedule, 0.2)).toBe(1)
    expect(learningRateAt(1, schedule, 0.6)).toBeCloseTo(0.55, 12)
    expect(learningRateAt(1, schedule, 1)).toBeCloseTo(0.1, 12)
    const rates = Array.from({ length: 101 }, (_, i) => learningRateAt(1, schedule, i / 100))
    rates.forEach((rate, i) => {
      if (i > 0) expect(Math.sign(rate - rates[i - 1]!)).toBe(i <= 20 ? 1 : -1)
    })
  })
})

describe('figures of an epoch', () => {
  const batch = fc.integer({ min: 1, max: 5 }).chain((classes) =>
    fc.array(
      fc.record({
        logits: fc.array(fc.float({ noNaN: true, min: -9, max: 9 }), { minLength: classes, maxLength: classes }),
        label: fc.integer({ min: 0, max: Math.max(1, classes - 1) }),
      }),
      { minLength: 1, maxLength: 20 },
    ),
  )

  it("KR is that of deel-lip's metric", () => {
    fc.assert(
      fc.property(batch, (rows) => {
        const classes = rows[0]!.logits.length
        const labels = Int32Array.from(rows, ({ label }) => label)
        const logits = Float32Array.from(rows.flatMap((row) => row.logits))
        const truth = rows.map(({ label }) =>
          classes === 1 ? [label] : rows[0]!.logits.map((_, c) => Number(c === label)),
        )
        const metric = classes === 1 ? new KR() : new MulticlassKR()
        const expected = tf.tidy(
          () => metric.apply(tf.tensor2d(truth), tf.tensor2d(logits, [rows.length, classes])).dataSync()[0]!,
        )
        expect(Math.abs(multiclassKR(logits, labels) - expected)).toBeLessThan(1e-4)
      }),
      { numRuns: 60 },
    )
  })

  it('accuracy counts the first of equal logits, and the sign of a single one', () => {
    expect(accuracy(Float32Array.from([1, 1, 0, 2, 3, 3]), Int32Array.from([0, 1]))).toBe(1)
    expect(accuracy(Float32Array.from([1, 1, 0, 2, 3, 3]), Int32Array.from([1, 2]))).toBe(0)
    expect(accuracy(Float32Array.from([0.1, -0.1, 0, 5]), Int32Array.from([1, 0, 1, 0]))).toBe(0.5)
  })

  it('the best epoch is the first of equals, and losses are better when smaller', () => {
    const history = [
      { val_accuracy: 0.5, val_loss: 3 },
      { val_accuracy: 0.7, val_loss: 2 },
      { val_accuracy: 0.7, val_loss: 1 },
    ]
    expect(bestEpoch(history, { monitor: 'val_accuracy' })).toBe(1)
    expect(bestEpoch(history, { monitor: 'val_loss' })).toBe(2)
    expect(bestEpoch(history, { monitor: 'val_loss', mode: 'max' })).toBe(0)
    expect(bestEpoch(history, { monitor: 'val_accuracy' }, 0.3)).toBe(0)
    expect(bestEpoch([{ val_loss: Number.NaN }], { monitor: 'val_loss' })).toBeUndefined()
    expect(isStalled(history, { monitor: 'val_accuracy', patience: 1 })).toBe(true)
    expect(isStalled(history, { monitor: 'val_accuracy', patience: 2 })).toBe(false)
    // Epochs that were not measured are no epochs without progress.
    expect(isStalled([...history, {}, {}], { monitor: 'val_accuracy', patience: 2 })).toBe(false)
    expect(isStalled([], { monitor: 'val_loss', patience: 1 })).toBe(false)
  })
})

describe('data', () => {
  it('comes in an order that is a function of (seed, epoch)', () => {
    const order = (seed: number, epoch: number) => permutation(50, randomStream(seed, 1, epoch)).join()
    expect(order(3, 2)).toBe(order(3, 2))
    expect(new Set([order(3, 2), order(3, 3), order(4, 2)]).size).toBe(3)
    expect([...permutation(50, randomStream(3, 1, 2))].sort((a, b) => a - b)).toEqual([...Array(50).keys()])
  })

  it('is augmented sample by sample, whatever the batch', async () => {
    const data = await shapes.load({ split: 'train', samples: 20 })
    const augmentation = { how: { shift: 3, flip: 'both', crop: 0.7 } as const, seed: 5, epoch: 2 }
    const all = gatherBatch(
      data,
      Int32Array.from({ length: 20 }, (_, i) => 19 - i),
      augmentation,
    )
    const alone = gatherBatch(data, Int32Array.of(7), augmentation)
    expect(alone.images).toEqual(all.images.slice(12 * 784, 13 * 784))
    expect(gatherBatch(data, Int32Array.of(7), { ...augmentation, epoch: 3 }).images).not.toEqual(alone.images)
    expect(gatherBatch(data, Int32Array.of(7)).images).toEqual(data.image(7).slice())
  })

  it('stays within its range and moves by whole pixels', () => {
    const image = Float32Array.from({ length: 2 * 4 * 5 }, (_, i) => (i + 1) / 40)
    const seen = new Set<string>()
    for (let seed = 0; seed < 200; seed++) {
      const out = new Float32Array(40)
      augment(image, [2, 4, 5], { shift: 1, fill: 'edge' }, randomStream(seed), out)
      // Both planes move alike, and the centre shows which way.
      expect(out[20 + 6]! - out[6]!).toBeCloseTo(0.5, 6)
      seen.add(String(Math.round(out[6]! * 40)))
      augment(image, [2, 4, 5], { crop: 0.5, flip: 'both' }, randomStream(seed), out)
      expect(Math.min(...out)).toBeGreaterThanOrEqual(Math.fround(1 / 40))
      expect(Math.max(...out)).toBeLessThanOrEqual(1)
    }
    expect([...seen].sort()).toEqual(['1', '11', '12', '13', '2', '3', '6', '7', '8'].sort())
  })

  it('mirrors, fills and reflects as it says', () => {
    const row = Float32Array.of(1, 2, 3)
    const outcomes = (how: Parameters<typeof augment>[2]) => {
      const found = new Set<string>()
      for (let seed = 0; seed < 60; seed++) {
        const out = new Float32Array(3)
        augment(row, [1, 1, 3], how, randomStream(seed), out)
        found.add(out.join(''))
      }
      return [...found].sort()
    }
    expect(outcomes({})).toEqual(['123'])
    expect(outcomes({ flip: 'horizontal' })).toEqual(['123', '321'])
    expect(outcomes({ flip: 'vertical' })).toEqual(['123'])
    // The row is a single one: moved up or down it is gone.
    expect(outcomes({ shift: 1 })).toEqual(['000', '012', '123', '230'])
    expect(outcomes({ shift: 1, fill: 'edge' })).toEqual(['112', '123', '233'])
    expect(outcomes({ shift: 1, fill: 'reflect' })).toEqual(['123', '212', '232'])
  })

  it('keeps the classes that are asked for, in that order', async () => {
    const all = await shapes.load({ split: 'test', samples: 200 })
    const two = selectClasses(all, ['star', 0])
    expect(two.classes).toEqual(['star', 'disk'])
    const kept = [...all.labels.keys()].filter((i) => all.label(i) === 0 || all.classes[all.label(i)] === 'star')
    expect(two.count).toBe(kept.length)
    kept.forEach((from, to) => {
      expect(two.label(to)).toBe(all.label(from) === 0 ? 1 : 0)
      expect(two.image(to)).toEqual(all.image(from))
    })
    expect(() => selectClasses(all, ['star', 'heart'])).toThrow(/'shapes' has no class 'heart'/)
    expect(() => selectClasses(all, ['star', 5])).toThrow(/twice/)
    expect(() => selectClasses(all, [0, 10])).toThrow(/no class '10'/)
  })
})
