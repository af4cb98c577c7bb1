import { access, appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readCheckpoint } from '../../src/training/checkpoint.ts'
import type { TrainingConfig } from '../../src/training/config.ts'
import { openRunFolder } from '../../src/training/run-folder.ts'
import { type TrainedNetwork, train } from '../../src/training/train.ts'
import { CASES, configOf, samplesFor } from './networks.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lip-onnx-training-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const network = CASES.find(({ name }) => name.startsWith('three channels'))!
/** Everything that has a state of its own: optimizer, loss, scheduler, early stopping, augmentation. */
const config: TrainingConfig = configOf(network, {
  data: { name: 'noise', augmentation: { shift: 1, flip: 'horizontal', crop: 0.8 } },
  loss: { className: 'MulticlassSoftHKR', config: { alpha: 5, min_margin: 1, temperature: 3 } },
  optimizer: { name: 'adam', learningRate: 0.01, schedule: { kind: 'cosine', warmup: 0.2, floor: 0.1 } },
  callbacks: [
    { className: 'LossParamScheduler', config: { param_name: 'alpha', xp: [0, 9], fp: [5, 20] } },
    { className: 'MonitorCallback', config: { monitored_layers: ['spectral_conv2d'], on_batch: true } },
    { className: 'CondenseCallback' },
  ],
  earlyStopping: { monitor: 'val_loss', patience: 3 },
  keepBest: { monitor: 'val_loss' },
})
// 30 samples in batches of 8: four batches an epoch, the last one short.
const data = { train: samplesFor(network, 30), test: samplesFor(network, 13, 'test') }

async function run(path: string, engine: 'onnxruntime' | 'tfjs', stopAfter?: number): Promise<TrainedNetwork> {
  const interruption = new AbortController()
  let seen = 0
  const resume = await readFile(join(path, 'config.json')).then(
    () => true,
    () => false,
  )
  return train({
    run: await openRunFolder(path, config, { resume }),
    ...data,
    resume,
    engine,
    threads: 1,
    signal: interruption.signal,
    onBatch: () => {
      if (++seen === stopAfter) interruption.abort()
    },
  })
}

describe.each(['onnxruntime', 'tfjs'] as const)('resume with %s', (engine) => {
  it('gives the same numbers to the last bit, wherever it was interrupted', async () => {
    const whole = join(folder, `${engine}-whole`)
    const result = await run(whole, engine)
    expect(result.interrupted).toBe(false)
    expect(result.history.map(({ epoch }) => epoch)).toEqual([1, 2, 3])
    const metrics = await readFile(join(whole, 'metrics.jsonl'), 'utf8')
    expect(
      metrics
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(result.history)

    for (const stops of [[1], [4], [6, 1, 2]]) {
      const path = join(folder, `${engine}-${stops.join('-')}`)
      for (const stop of stops) {
        expect((await run(path, engine, stop)).interrupted).toBe(true)
        // What a crash leaves beside the checkpoint is of epochs that are done again.
        await appendFile(join(path, 'metrics.jsonl'), '{"epoch": 99')
        await appendFile(join(path, 'monitor-2', 'monitor.jsonl'), '{"step": 77')
      }
      expect((await run(path, engine)).history).toEqual(result.history)
      for (const name of ['metrics.jsonl', 'monitor-2/monitor.jsonl', 'monitor-2/events.out.tfevents']) {
        expect(await readFile(join(path, name)), name).toEqual(await readFile(join(whole, name)))
      }
      for (const name of ['latest', 'best']) {
        const file = join('checkpoints', `${name}.npz`)
        expect(await readCheckpoint(join(path, file))).toEqual(await readCheckpoint(join(whole, file)))
      }
    }
  })
})

it('depends on the seed', async () => {
  const losses = new Set<number>()
  for (const seed of [1, 2, 1]) {
    const path = await mkdtemp(join(folder, 'seed-'))
    const opened = await openRunFolder(path, { ...config, seed, epochs: 1 }, { resume: false })
    losses.add((await train({ run: opened, ...data, resume: false, threads: 1 })).history[0]!.loss)
  }
  expect(losses.size).toBe(2)
})

it('exports the best epoch where it is kept, and names its figures', async () => {
  const path = await mkdtemp(join(folder, 'best-'))
  // A rate that makes things worse after the first epoch.
  const worse = { ...config, callbacks: [], optimizer: { name: 'sgd', learningRate: 20 } as const, epochs: 4 }
  const opened = await openRunFolder(path, worse, { resume: false })
  const { history, chosen, network: trained } = await train({ run: opened, ...data, resume: false, threads: 1 })
  const best = [...history].sort((a, b) => a.val_loss - b.val_loss || a.epoch - b.epoch)[0]!
  expect(best.epoch).toBeLessThan(history.length)
  expect(chosen).toEqual(best)
  const kept = (await opened.best())!
  expect(kept.progress.epoch).toBe(best.epoch)
  expect(trained.layers.flatMap((layer) => layer.weights.map((weight) => weight.read().arraySync()))).toEqual(
    await import('../../src/training/build-network.ts').then(async ({ buildNetwork }) => {
      const { weightStore } = await import('../../src/training/variables.ts')
      const again = buildNetwork(worse)
      weightStore(again.layers).writeAll(kept.weights)
      return again.layers.flatMap((layer) => layer.weights.map((weight) => weight.read().arraySync()))
    }),
  )
})

describe('a run folder', () => {
  const problem = async (work: () => Promise<unknown>) =>
    work().then(
      () => 'nothing was wrong',
      (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
    )

  it('is not overwritten, whatever part of a run is in it', async () => {
    for (const name of ['config.json', 'metrics.jsonl', 'model.onnx', 'report.html']) {
      const path = await mkdtemp(join(folder, 'taken-'))
      await writeFile(join(path, name), 'precious')
      expect(await problem(() => openRunFolder(path, config, { resume: false }))).toMatch(
        new RegExp(`^FILE_EXISTS: '.*' already holds a run \\(${name}\\)\\.$`),
      )
      expect(await readFile(join(path, name), 'utf8')).toBe('precious')
    }
  })

  it.each([
    ['nothing to resume', 'FILE_NOT_FOUND', async () => join(folder, 'nowhere')],
    [
      'a damaged config.json',
      'CONFIG_INVALID',
      async () => {
        const path = await mkdtemp(join(folder, 'damaged-'))
        await writeFile(join(path, 'config.json'), '{"name":')
        return path
      },
    ],
    [
      'a config.json with a stray key',
      'CONFIG_INVALID',
      async () => {
        const path = await mkdtemp(join(folder, 'stray-'))
        await writeFile(join(path, 'config.json'), JSON.stringify({ ...config, speed: 'high' }))
        return path
      },
    ],
  ])('with %s is refused in one sentence', async (_, code, make) => {
    const path = await make()
    expect(await problem(() => openRunFolder(path, undefined, { resume: true }))).toMatch(
      new RegExp(`^${code}: [^\\n]*${path}[^\\n]*\\.$`),
    )
  })

  it('is not made by a run that cannot start', async () => {
    const path = join(folder, 'never')
    const run = await openRunFolder(path, { ...config, loss: { className: 'Nonsense' } }, { resume: false })
    expect(await problem(() => train({ run, ...data, resume: false }))).toMatch(/^CONFIG_INVALID: Unknown loss/)
    await expect(access(path)).rejects.toThrow()
  })

  it('cannot be made under a file', async () => {
    const file = join(folder, 'a-file')
    await writeFile(file, '')
    const run = await openRunFolder(join(file, 'run'), config, { resume: false })
    expect(await problem(() => run.begin())).toMatch(/^FILE_NOT_WRITABLE: [^\n]*\.$/)
  })

  it('is not resumed with other settings, from a damaged checkpoint or from that of another network', async () => {
    const path = await mkdtemp(join(folder, 'broken-'))
    const short = { ...config, epochs: 1, callbacks: [] }
    await train({ run: await openRunFolder(path, short, { resume: false }), ...data, resume: false, threads: 1 })
    expect(await problem(() => openRunFolder(path, { ...short, seed: 8 }, { resume: true }))).toMatch(
      /^CONFIG_INVALID: .*other settings/,
    )
    // The order of keys is no setting.
    const shuffled = Object.fromEntries(Object.entries(short).reverse()) as unknown as TrainingConfig
    expect(await problem(() => openRunFolder(path, shuffled, { resume: true }))).toBe('nothing was wrong')

    const again = () =>
      problem(async () =>
        train({ run: await openRunFolder(path, undefined, { resume: true }), ...data, resume: true, threads: 1 }),
      )
    const stored = await readFile(join(path, 'config.json'), 'utf8')
    const narrower = stored.replace('"filters": 6', '"filters": 4')
    expect(narrower).not.toBe(stored)
    await writeFile(join(path, 'config.json'), narrower)
    expect(await again()).toMatch(/^DATA_INVALID: The checkpoint holds the weights of another network/)
    await writeFile(join(path, 'config.json'), stored.replace('"name": "adam"', '"name": "sgd"'))
    expect(await again()).toMatch(/^DATA_INVALID: The checkpoint holds the state of another optimizer/)
    await writeFile(join(path, 'config.json'), stored)

    const checkpoint = join(path, 'checkpoints', 'latest.npz')
    const bytes = await readFile(checkpoint)
    for (const damaged of [bytes.subarray(0, bytes.length >> 1), Buffer.from('no archive'), Buffer.alloc(0)]) {
      await writeFile(checkpoint, damaged)
      expect(await again()).toMatch(/^DATA_INVALID: The checkpoint '.*latest\.npz' is damaged/)
    }
  })

  it('of a run that diverges keeps its last checkpoint', async () => {
    const path = await mkdtemp(join(folder, 'diverges-'))
    const wild = { ...config, callbacks: [], optimizer: { name: 'sgd', learningRate: 1e300 } as const }
    const opened = await openRunFolder(path, wild, { resume: false })
    expect(await problem(() => train({ run: opened, ...data, resume: false, engine: 'tfjs' }))).toMatch(
      /^DATA_INVALID: The loss is .* in batch \d of epoch 1: training diverged\.$/,
    )
  })
})
