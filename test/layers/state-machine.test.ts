import { beforeAll, describe, expect, it } from 'vitest'
import { CondenseCallback } from '../../src/callbacks/index.ts'
import {
  FrobeniusDense,
  GroupSort,
  Model,
  type ReparametrisedLayer,
  ScaledL2NormPooling2D,
  Sequential,
  SpectralConv2D,
  SpectralDense,
} from '../../src/layers/index.ts'
import * as tf from '../../src/layers/tf.ts'
import { startBackend } from '../../src/training/backend.ts'

type Compat = 'deel-lip' | null

function network(compat: Compat = null): Sequential {
  return new Sequential({
    name: 'net',
    layers: [
      new SpectralConv2D({
        name: 'conv',
        filters: 4,
        kernelSize: 3,
        activation: new GroupSort({ n: 2 }),
        inputShape: [8, 8, 1],
        compat,
      }),
      new ScaledL2NormPooling2D({ name: 'pool' }),
      tf.layers.flatten({ name: 'flat' }),
      new SpectralDense({ name: 'dense', units: 6, activation: new GroupSort({ n: 2 }), compat }),
      new FrobeniusDense({ name: 'head', units: 3, useBias: false, compat }),
    ],
  })
}

const images = (seed = 1): tf.Tensor => tf.randomUniform([5, 8, 8, 1], 0, 1, 'float32', seed)

function values(model: tf.LayersModel, x: tf.Tensor): number[] {
  return tf.tidy(() => [...(model.predict(x) as tf.Tensor).dataSync()])
}

function trainStep(model: tf.LayersModel, x: tf.Tensor, optimizer: tf.Optimizer): void {
  const loss = () => tf.mean(tf.square(tf.sub(model.apply(x, { training: true }) as tf.Tensor, 1))) as tf.Scalar
  optimizer.minimize(loss)
}

const distance = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((value, i) => Math.abs(value - b[i]!)))

function snapshot(model: tf.LayersModel): number[][] {
  return model.weights.map((weight) => [...weight.read().dataSync()])
}

describe('strict', () => {
  beforeAll(async () => {
    await startBackend('wasm')
  })

  it('inference sees the last update', () => {
    const model = network()
    const x = images()
    const optimizer = tf.train.sgd(0.1)
    trainStep(model, x, optimizer)
    const before = values(model, x)
    const kernel = (model.layers[3] as ReparametrisedLayer).kernel
    tf.tidy(() => (kernel.read() as tf.Variable).assign(tf.reverse(kernel.read(), 0)))
    expect(distance(values(model, x), before)).toBeGreaterThan(1e-3)
  })

  it('inference is a pure function of kernel and u: it moves nothing but the stored wbar', () => {
    const model = network()
    const x = images()
    trainStep(model, x, tf.train.sgd(0.1))
    const first = values(model, x)
    const stored = snapshot(model)
    expect(values(model, x)).toEqual(first)
    expect(snapshot(model)).toEqual(stored)
    // Training takes the same course with and without validation in between.
    const a = network()
    const b = network()
    const [oa, ob] = [tf.train.sgd(0.1), tf.train.sgd(0.1)]
    for (let i = 0; i < 3; i++) {
      trainStep(a, x, oa)
      trainStep(b, x, ob)
      values(b, images(i))
    }
    const free = (m: tf.LayersModel): number[][] =>
      m.weights.filter((w) => !w.originalName.endsWith('wbar')).map((w) => [...w.read().dataSync()])
    expect(free(b)).toEqual(free(a))
  })

  it('a wbar that someone wrote is not believed', () => {
    const model = network()
    const x = images()
    const before = values(model, x)
    const { wbar } = model.layers[3] as ReparametrisedLayer
    tf.tidy(() => (wbar.read() as tf.Variable).assign(tf.mul(wbar.read(), 7)))
    expect(values(model, x)).toEqual(before)
  })

  it('continues after set weights as if nothing had happened', () => {
    const x = images()
    const a = network()
    const optimizer = tf.train.sgd(0.1)
    trainStep(a, x, optimizer)
    const b = network()
    b.setWeights(a.getWeights())
    expect(values(b, x)).toEqual(values(a, x))
    trainStep(a, x, optimizer)
    trainStep(b, x, tf.train.sgd(0.1))
    expect(snapshot(b)).toEqual(snapshot(a))
  })

  it('condense keeps the function and is idempotent', () => {
    const model = network()
    const x = images()
    trainStep(model, x, tf.train.sgd(0.1))
    const before = values(model, x)
    model.condense()
    const once = values(model, x)
    expect(distance(once, before)).toBeLessThan(2e-3)
    model.condense()
    expect(distance(values(model, x), once)).toBeLessThan(2e-3)
  })

  it('CondenseCallback condenses at the end of an epoch', async () => {
    const model = network()
    const callback = new CondenseCallback()
    callback.setModel(model)
    const { kernel } = model.layers[3] as ReparametrisedLayer
    tf.tidy(() => (kernel.read() as tf.Variable).assign(tf.mul(kernel.read(), 5)))
    await callback.onBatchEnd()
    const norm = () => tf.tidy(() => tf.norm(kernel.read()).dataSync()[0]!)
    expect(norm()).toBeGreaterThan(5)
    await callback.onEpochEnd()
    expect(norm()).toBeLessThan(Math.sqrt(6) + 1e-3)
  })
})

describe('compat deel-lip', () => {
  beforeAll(async () => {
    await startBackend('wasm')
  })

  it('an untrained layer infers with its raw kernel, without coefficient', () => {
    tf.tidy(() => {
      const layer = new SpectralDense({
        units: 4,
        compat: 'deel-lip',
        kernelInitializer: 'glorot_uniform',
        useBias: false,
      })
      const x = tf.randomNormal([3, 5], 0, 1, 'float32', 1)
      const y = layer.apply(x) as tf.Tensor
      const raw = tf.matMul(x as tf.Tensor2D, layer.kernel.read() as tf.Tensor2D)
      expect(distance([...y.dataSync()], [...raw.dataSync()])).toBeLessThan(1e-6)
    })
  })

  it('inference is a step stale, and condense does not change it', () => {
    const model = network('deel-lip')
    const x = images()
    const optimizer = tf.train.sgd(0.1)
    trainStep(model, x, optimizer)
    const before = values(model, x)
    const { kernel } = model.layers[3] as ReparametrisedLayer
    tf.tidy(() => (kernel.read() as tf.Variable).assign(tf.reverse(kernel.read(), 0)))
    expect(values(model, x)).toEqual(before)
    model.condense()
    expect(values(model, x)).toEqual(before)
    tf.dispose(model.apply(x, { training: true }) as tf.Tensor)
    expect(distance(values(model, x), before)).toBeGreaterThan(1e-3)
  })
})

describe.each([null, 'deel-lip'] as const)('vanilla export of compat %s', (compat) => {
  beforeAll(async () => {
    await startBackend('wasm')
  })

  it('is the same function with plain layers, and independent', () => {
    const model = network(compat)
    const x = images()
    const optimizer = tf.train.sgd(0.1)
    trainStep(model, x, optimizer)
    const exported = model.vanillaExport()
    const before = values(model, x)
    expect(distance(values(exported, x), before)).toBeLessThan(1e-6)
    expect(exported.layers.map((layer) => layer.getClassName())).toEqual([
      'InputLayer',
      'Conv2D',
      'GroupSort',
      'ScaledL2NormPooling2D',
      'Flatten',
      'Dense',
      'GroupSort',
      'Dense',
    ])
    expect(exported.layers.filter((layer) => layer.weights.length > 0).map((layer) => layer.name)).toEqual([
      'conv',
      'dense',
      'head',
    ])
    trainStep(model, x, optimizer)
    tf.dispose(model.apply(x, { training: true }) as tf.Tensor)
    expect(distance(values(exported, x), before)).toBeLessThan(1e-6)
    expect(distance(values(model, x), before)).toBeGreaterThan(1e-4)
  })

  it('works on functional models with shared layers and branches', () => {
    const input = tf.input({ shape: [6] })
    const shared = new SpectralDense({ units: 6, compat, activation: new GroupSort({ n: 3 }) })
    const once = shared.apply(input) as tf.SymbolicTensor
    const twice = shared.apply(once) as tf.SymbolicTensor
    const sum = tf.layers.add().apply([once, twice]) as tf.SymbolicTensor
    const model = new Model({
      inputs: input,
      outputs: new FrobeniusDense({ units: 2, compat }).apply(sum) as tf.SymbolicTensor,
    })
    const x = tf.randomNormal([4, 6], 0, 1, 'float32', 2)
    tf.dispose(model.apply(x, { training: true }) as tf.Tensor)
    const exported = model.vanillaExport()
    expect(distance(values(exported, x), values(model, x))).toBeLessThan(1e-6)
    expect(exported.layers.filter((layer) => layer.getClassName() === 'Dense').length).toBe(2)
  })
})
