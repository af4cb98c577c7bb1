import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as tf from '../../src/layers/tf.ts'
import { startBackend } from '../../src/training/backend.ts'
import { buildNetwork } from '../../src/training/build-network.ts'
import { startChunkThreads } from '../../src/training/chunk-threads.ts'
import { type DataParallelOptions, dataParallelEngine } from '../../src/training/data-parallel-engine.ts'
import type { Engine, StepResult } from '../../src/training/engine.ts'
import { indivisible, layerCopy } from '../../src/training/layer-copies.ts'
import { createObjective } from '../../src/training/objective.ts'
import { openRunFolder } from '../../src/training/run-folder.ts'
import { allocateBatch } from '../../src/training/shared-batch.ts'
import { tfjsEngine } from '../../src/training/tfjs-engine.ts'
import { train } from '../../src/training/train.ts'
import { weightStore } from '../../src/training/variables.ts'
import { CASES, configOf, type NetworkCase, samplesFor } from './networks.ts'

const CHUNK = 4

beforeAll(async () => {
  await startBackend('wasm')
})

async function setUp(network: NetworkCase, options: Partial<DataParallelOptions> | 'plain') {
  const config = configOf(network)
  const { layers } = buildNetwork(config)
  const objective = createObjective(config.loss, layers)
  const common = { layers, inputShape: network.inputShape, objective }
  const engine: Engine =
    options === 'plain'
      ? tfjsEngine(common)
      : await dataParallelEngine({ ...common, threads: 1, chunk: CHUNK, ...options })
  return { engine, store: weightStore(layers), layers }
}

/** Three steps of gradient descent and inference: everything that an engine says, and the weights with their state. */
async function course(engine: Engine, store: ReturnType<typeof weightStore>, network: NetworkCase, samples: number) {
  const { images, labels } = samplesFor(network, samples)
  const steps: StepResult[] = []
  for (let step = 0; step < 3; step++) {
    const result = await engine.step(images, labels)
    steps.push(result)
    store.writeVariables(store.readVariables().map((v, i) => v.map((x, k) => x - 1e-2 * result.gradients[i]![k]!)))
  }
  return { steps, weights: store.readAll(), logits: await engine.predict(images, samples) }
}

/** Weights that the library's own layers and an activation hold, beside the reparametrised ones. */
const MIXED: NetworkCase = {
  name: 'weights of every kind',
  inputShape: [5, 5, 2],
  layers: [
    { className: 'SpectralConv2D', config: { filters: 4, kernel_size: [3, 3], activation: 'PReLUlip' } },
    { className: 'LayerCentering' },
    { className: 'Householder' },
    { className: 'InvertibleUpSampling', config: { pool_size: [2, 1] } },
    { className: 'Flatten' },
    { className: 'SLLDense', config: { units: 6 } },
    { className: 'Dense', config: { units: 6, activation: 'relu', kernel_initializer: 'orthogonal' } },
    { className: 'PReLU' },
    { className: 'AOLDense', config: { units: 4 } },
  ],
}
const NETWORKS = [...CASES.filter(({ backend }) => backend === undefined), MIXED]

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).toBe(expected.length)
  const scale = Math.max(1e-2, ...Array.from(expected, Math.abs))
  for (let i = 0; i < expected.length; i++) expect(Math.abs(actual[i]! - expected[i]!)).toBeLessThan(tolerance * scale)
}

describe.each(NETWORKS.map((network) => [network.name, network] as const))('%s', (_, network) => {
  it('is the plain engine but for the order of sums', async () => {
    const plain = await setUp(network, 'plain')
    const mine = await setUp(network, {})
    const { images, labels } = samplesFor(network, 13)
    const expected = await plain.engine.step(images, labels)
    const actual = await mine.engine.step(images, labels)
    expectClose([actual.loss], [expected.loss], 1e-5)
    expectClose(actual.logits, expected.logits, 1e-5)
    actual.gradients.forEach((gradient, i) => {
      expectClose(gradient, expected.gradients[i]!, 1e-5)
    })
    mine.store.readAll().forEach((weight, i) => {
      expectClose(weight, plain.store.readAll()[i]!, 1e-6)
    })
    expectClose(await mine.engine.predict(images, 13), await plain.engine.predict(images, 13), 1e-5)
  })

  it('leaves no tensor behind', async () => {
    const { engine, store } = await setUp(network, {})
    await course(engine, store, network, 13)
    const { numTensors, numBytes } = tf.memory()
    await course(engine, store, network, 13)
    expect(tf.memory()).toMatchObject({ numTensors, numBytes })
  })
})

describe('threads', () => {
  // Full chunks, a short last one, fewer samples than threads have chunks, one sample.
  it.each([
    ['a network of images', CASES[0]!, [16, 13, 5, 1]],
    ['weights of every kind', MIXED, [13]],
  ] as const)('give the same bits in any number: %s', async (_, network, counts) => {
    const engines = await Promise.all(
      [{ threads: 1 }, { threads: 2 }, { threads: 3, keptBytes: 1 }].map((options) => setUp(network, options)),
    )
    try {
      expect(engines.map(({ engine }) => engine.description)).toEqual([
        'tfjs wasm, 1 thread',
        'tfjs wasm, 2 threads',
        'tfjs wasm, 3 threads',
      ])
      for (const samples of counts) {
        const [one, ...more] = await Promise.all(
          engines.map(({ engine, store }) => course(engine, store, network, samples)),
        )
        for (const other of more) expect(other).toEqual(one)
      }
    } finally {
      for (const { engine } of engines) await engine.dispose()
    }
  })

  it('hold no more tensors after many steps', async () => {
    const { engine, store } = await setUp(CASES[0]!, { threads: 2, keptBytes: 100_000 })
    const { tensors } = engine as Awaited<ReturnType<typeof dataParallelEngine>>
    try {
      await course(engine, store, CASES[0]!, 40)
      const before = await tensors()
      expect(before.length).toBe(2)
      for (let i = 0; i < 10; i++) await course(engine, store, CASES[0]!, 40)
      expect(await tensors()).toEqual(before)
    } finally {
      await engine.dispose()
    }
  })

  it('are no more than there are chunks', async () => {
    const { engine } = await setUp(CASES[0]!, { threads: 8, largestBatch: CHUNK })
    expect(engine.description).toBe('tfjs wasm, 1 thread')
  })

  it('that fail say so in one sentence, and end', async () => {
    const { layers } = await setUp(CASES[0]!, {})
    const setup = { layers: layers.map(layerCopy), inputShape: CASES[0]!.inputShape, chunk: CHUNK }
    const sentence = {
      code: 'RUNTIME_UNAVAILABLE',
      message: expect.stringMatching(/^A training thread failed: .*[^.]\.$/),
    }
    await expect(
      startChunkThreads(2, { ...setup, layers: [{ className: 'Nonsense', config: {} }] }),
    ).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('Nonsense') })
    const threads = (await startChunkThreads(2, setup))!
    // Memory that is too small for the weights.
    const small = allocateBatch({ samples: 8, sampleSize: 64, classes: 4, weights: 3, chunks: 2 })
    await expect(threads.train(small, 8, () => {})).rejects.toMatchObject(sentence)
    await threads.end()
    await expect(threads.train(small, 8, () => {})).rejects.toMatchObject(sentence)
  })

  it('are released when the loss of the batch fails', async () => {
    const { layers } = buildNetwork(configOf(CASES[0]!))
    const objective = {
      penalty: undefined,
      batchLoss: (): never => {
        throw new Error('no loss today')
      },
    }
    const engine = await dataParallelEngine({
      ...{ layers, inputShape: CASES[0]!.inputShape, objective },
      ...{ threads: 2, chunk: CHUNK },
    })
    const { images, labels } = samplesFor(CASES[0]!, 13)
    await expect(engine.step(images, labels)).rejects.toThrow('no loss today')
    await engine.dispose()
  })
})

describe('what cannot be divided', () => {
  const layersOf = (...layers: NetworkCase['layers']) =>
    buildNetwork(configOf({ name: '', inputShape: [4, 4, 4], layers: [...layers, { className: 'Flatten' }] })).layers

  it.each(['BatchLipNorm', 'BatchCentering', 'BatchNormalization'])('%s looks at the whole batch', (className) => {
    expect(indivisible(layersOf({ className }))).toMatch(/^layer '\w+' \(\w+\) may look at the whole batch$/)
  })

  it('neither does an unknown layer pass', () => {
    class Mystery extends tf.layers.Layer {
      static className = 'Mystery'
    }
    expect(indivisible([new Mystery({})])).toContain('Mystery')
  })

  it('everything else can', () => {
    for (const network of NETWORKS)
      expect(indivisible(buildNetwork(configOf(network)).layers), network.name).toBeUndefined()
  })
})

describe('a run on the wasm backend', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lip-onnx-parallel-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  // 600 samples in batches of 300: chunks of the default size, the last one short.
  const config = configOf(CASES[0]!, { batchSize: 300, epochs: 2 })
  const data = { train: samplesFor(CASES[0]!, 600), test: samplesFor(CASES[0]!, 200, 'test') }

  it('has the same history with one thread and two, and resumed', async () => {
    const histories: unknown[] = []
    const run = async (name: string, threads: number, stopAfter?: number) => {
      const path = join(folder, name)
      const interruption = new AbortController()
      let seen = 0
      const resume = histories.length === 3
      const started: string[] = []
      const result = await train({
        run: await openRunFolder(path, resume ? undefined : config, { resume }),
        ...data,
        resume,
        threads,
        engine: 'tfjs',
        signal: interruption.signal,
        onStart: (description) => started.push(description),
        onBatch: () => {
          if (++seen === stopAfter) interruption.abort()
        },
      })
      histories.push(result.history)
      expect(started).toEqual([`tfjs wasm, ${threads} thread${threads > 1 ? 's' : ''}`])
    }
    await run('one', 1)
    await run('two', 2)
    await run('resumed', 2, 3)
    await run('resumed', 1)
    expect(histories[1]).toEqual(histories[0])
    expect(histories[3]).toEqual(histories[0])
  })

  it('with statistics of batches stays whole, and says why', async () => {
    const network: NetworkCase = {
      ...CASES[2]!,
      layers: [CASES[2]!.layers[0]!, { className: 'BatchLipNorm' }, ...CASES[2]!.layers.slice(1)],
    }
    const result = await train({
      run: await openRunFolder(join(folder, 'statistics'), configOf(network, { epochs: 1 }), { resume: false }),
      ...{ train: samplesFor(network, 20), test: samplesFor(network, 10, 'test') },
      ...{ resume: false, engine: 'tfjs', threads: 2 },
    })
    expect(result.engine).toMatch(/^tfjs wasm, 1 thread \(layer 'batch_lip_norm' \(BatchLipNorm\) may look at/)
  })
})
