import { describe, expect, it } from 'vitest'
import * as tf from '../../src/layers/tf.ts'
import { startBackend } from '../../src/training/backend.ts'
import { buildNetwork } from '../../src/training/build-network.ts'
import type { Engine } from '../../src/training/engine.ts'
import { createObjective, type Objective } from '../../src/training/objective.ts'
import { onnxruntimeEngine } from '../../src/training/onnxruntime-engine.ts'
import { adam } from '../../src/training/optimizers/adam.ts'
import { tfjsEngine } from '../../src/training/tfjs-engine.ts'
import { weightStore } from '../../src/training/variables.ts'
import { CASES, configOf, type NetworkCase, samplesFor } from './networks.ts'

const SAMPLES = 13
const MICRO_BATCH = 5

interface Setup {
  readonly engine: Engine
  readonly objective: Objective
  readonly store: ReturnType<typeof weightStore>
}

async function setUp(network: NetworkCase, engine: 'onnxruntime' | 'tfjs'): Promise<Setup> {
  await startBackend(network.backend ?? 'wasm')
  const config = configOf(network)
  const { layers } = buildNetwork(config)
  const objective = createObjective(config.loss, layers)
  const common = { layers, inputShape: network.inputShape, objective }
  return {
    objective,
    store: weightStore(layers),
    // 13 samples in slices of 5: the last slice is padded.
    engine:
      engine === 'tfjs'
        ? tfjsEngine(common)
        : await onnxruntimeEngine({ ...common, microBatch: MICRO_BATCH, threads: 1 }),
  }
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).toBe(expected.length)
  const scale = Math.max(1e-2, ...Array.from(expected, Math.abs))
  for (let i = 0; i < expected.length; i++) expect(Math.abs(actual[i]! - expected[i]!)).toBeLessThan(tolerance * scale)
}

describe.each(CASES.map((network) => [network.name, network] as const))('%s', (_, network) => {
  it('has the same loss, logits, gradients and state in both engines, step after step', async () => {
    const { images, labels } = samplesFor(network, SAMPLES)
    const a = await setUp(network, 'onnxruntime')
    const b = await setUp(network, 'tfjs')
    const optimizer = adam()
    const state = optimizer.create(a.store.readVariables().map((v) => v.length))
    for (let step = 0; step < 3; step++) {
      const mine = await a.engine.step(images, labels)
      const theirs = await b.engine.step(images, labels)
      expectClose([mine.loss], [theirs.loss], 1e-4)
      expectClose(mine.logits, theirs.logits, 1e-4)
      expect(mine.gradients.length).toBe(theirs.gradients.length)
      mine.gradients.forEach((gradient, i) => {
        expectClose(gradient, theirs.gradients[i]!, 1e-4)
      })
      a.store.readAll().forEach((weight, i) => {
        expectClose(weight, b.store.readAll()[i]!, 1e-4)
      })
      expect(a.objective.state()).toEqual(
        Object.fromEntries(Object.entries(b.objective.state()).map(([key, value]) => [key, expect.closeTo(value, 4)])),
      )
      // The same weights for the next step: what differs then is that step alone.
      const values = b.store.readVariables()
      optimizer.update(state, values, theirs.gradients, 0.01)
      b.store.writeVariables(values)
      a.store.writeAll(b.store.readAll())
      a.objective.restore(b.objective.state())
    }
    const inference = await a.engine.predict(images, SAMPLES)
    expectClose(inference, await b.engine.predict(images, SAMPLES), 1e-4)
    expectClose([a.objective.evaluate(labels, inference)], [b.objective.evaluate(labels, inference)], 1e-6)
    await a.engine.dispose()
  })

  it('agrees with finite differences of the loss along the gradient', async () => {
    const { images, labels } = samplesFor(network, SAMPLES)
    const { engine, store } = await setUp(network, 'tfjs')
    const start = store.readAll()
    const variables = store.readVariables()
    const { gradients } = await engine.step(images, labels)
    const length = Math.sqrt(gradients.reduce((sum, g) => sum + g.reduce((a, b) => a + b * b, 0), 0))
    const lossAt = async (h: number): Promise<number> => {
      store.writeAll(start)
      store.writeVariables(variables.map((v, i) => v.map((x, k) => x + (h * gradients[i]![k]!) / length)))
      return (await engine.step(images, labels)).loss
    }
    // One step of the power iteration moves with the kernel, so strict layers' u is not held: a loose tolerance.
    const h = 2e-3
    const slope = ((await lossAt(h)) - (await lossAt(-h))) / (2 * h)
    expect(Math.abs(slope - length)).toBeLessThan(0.05 * length)
  })

  it.each(['onnxruntime', 'tfjs'] as const)('leaves no tensor behind in %s', async (name) => {
    const { images, labels } = samplesFor(network, SAMPLES)
    const { engine, objective, store } = await setUp(network, name)
    const once = async () => {
      const { gradients } = await engine.step(images, labels)
      store.writeVariables(store.readVariables().map((v, i) => v.map((x, k) => x - 1e-3 * gradients[i]![k]!)))
      objective.evaluate(labels, await engine.predict(images, SAMPLES))
    }
    await once()
    const { numTensors, numBytes } = tf.memory()
    for (let step = 0; step < 10; step++) await once()
    expect(tf.memory()).toMatchObject({ numTensors, numBytes })
    await engine.dispose()
  })
})

it('says which kernel a backend lacks', async () => {
  const network = CASES.find(({ backend }) => backend === 'cpu')!
  const { images, labels } = samplesFor(network, SAMPLES)
  const { engine } = await setUp({ ...network, backend: undefined as never }, 'tfjs')
  await expect(engine.step(images, labels)).rejects.toMatchObject({
    code: 'RUNTIME_UNAVAILABLE',
    message: expect.stringContaining('Conv2DBackpropFilter'),
  })
})

describe('what onnxruntime cannot train', () => {
  it.each([
    ['running statistics', { className: 'BatchLipNorm' }],
    ['weights inside an activation', { className: 'SpectralDense', config: { units: 4, activation: 'PReLUlip' } }],
  ])('%s are refused by name', async (_, layer) => {
    const network: NetworkCase = {
      name: '',
      inputShape: [4],
      layers: [layer, { className: 'SpectralDense', config: { units: 4 } }],
    }
    await expect(setUp(network, 'onnxruntime')).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(layer.className === 'BatchLipNorm' ? 'batch_lip_norm' : 'spectral_dense'),
    })
    const { images, labels } = samplesFor(network, SAMPLES)
    const { engine } = await setUp(network, 'tfjs')
    expect((await engine.step(images, labels)).gradients.length).toBeGreaterThan(2)
  })
})
