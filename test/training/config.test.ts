import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { CATALOGUE } from '../../src/data/catalogue.ts'
import { startBackend } from '../../src/training/backend.ts'
import { buildNetwork } from '../../src/training/build-network.ts'
import { createCallbacks } from '../../src/training/callbacks.ts'
import { checkConfig } from '../../src/training/check-config.ts'
import { DEMO4_FAST, DEMO4_FULL, DEMO4_SHORT } from '../../src/training/demo4.ts'
import { loadTrainingData } from '../../src/training/load-data.ts'
import { createObjective } from '../../src/training/objective.ts'
import { readTrainingConfig } from '../../src/training/read-config.ts'
import { openRunFolder } from '../../src/training/run-folder.ts'
import { train } from '../../src/training/train.ts'
import { CASES, configOf, samplesFor } from './networks.ts'

const base = configOf(CASES[0]!)
const problem = (work: () => unknown) =>
  Promise.resolve()
    .then(work)
    .then(
      () => 'nothing was wrong',
      (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
    )

describe('a configuration', () => {
  it('is filled with defaults and otherwise left as it is', async () => {
    const {
      seed: _,
      network: { mode: __, kCoefLip: ___, ...network },
      ...rest
    } = base
    expect(await checkConfig({ $schema: 'x', ...rest, network }, 'c')).toEqual({
      ...rest,
      seed: 0,
      network: { ...network, mode: 'strict', kCoefLip: 1 },
    })
  })

  it.each([
    ['an unknown key', { speed: 1 }, /\(top\): there is no key 'speed'/],
    ['an unknown key inside', { data: { name: 'shapes', sample: 3 } }, /\/data: there is no key 'sample'/],
    ['an unknown optimizer', { optimizer: { name: 'lion', learningRate: 1 } }, /\/optimizer\/name/],
    [
      "the other optimizer's setting",
      { optimizer: { name: 'adam', learningRate: 1, momentum: 0.9 } },
      /momentum belongs to sgd, not to adam/,
    ],
    [
      "the other schedule's setting",
      { optimizer: { name: 'adam', learningRate: 1, schedule: { kind: 'cosine', factor: 0.1 } } },
      /schedule: there is no key 'factor'/,
    ],
    ['no epochs', { epochs: 0 }, /\/epochs: must be >= 1/],
    ['a figure that is none', { earlyStopping: { monitor: 'val_acc', patience: 2 } }, /there is no figure 'val_acc'/],
    ['a figure that is not measured', { keepBest: { monitor: 'val_certified_accuracy_0.5' } }, /there is no figure/],
    ['a callback that is none', { callbacks: [{ className: 'Condense' }] }, /\/callbacks\/0\/className/],
    [
      "a callback's stray key",
      { callbacks: [{ className: 'CondenseCallback', config: { onEpoch: true } }] },
      /\/callbacks\/0\/config: there is no key 'onEpoch'/,
    ],
    ['a crop of nothing', { data: { name: 'shapes', augmentation: { crop: 0 } } }, /crop/],
  ])('with %s is refused in one sentence', async (_, change, message) => {
    const found = await problem(() => checkConfig({ ...base, ...change }, 'run.yaml'))
    expect(found).toMatch(/^CONFIG_INVALID: The configuration 'run.yaml' is not valid at [^\n]*\.$/)
    expect(found).toMatch(message)
  })

  it('may aim at a certified accuracy that it measures', async () => {
    const certify = { radii: [0.25, 0.5] }
    await checkConfig({ ...base, certify, keepBest: { monitor: 'val_certified_accuracy_0.5' } }, 'c')
  })

  it('is read from YAML, and a file that is none is named', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lip-onnx-config-'))
    await writeFile(join(folder, 'broken.yaml'), 'name: [')
    expect(await problem(() => readTrainingConfig(join(folder, 'broken.yaml')))).toMatch(
      /^CONFIG_INVALID: .*neither JSON nor YAML/,
    )
    expect(await problem(() => readTrainingConfig(join(folder, 'none.yaml')))).toMatch(/^FILE_NOT_FOUND: /)
    await writeFile(join(folder, 'text.yaml'), 'just words')
    expect(await problem(() => readTrainingConfig(join(folder, 'text.yaml')))).toMatch(
      /^CONFIG_INVALID: .*must be object/,
    )
  })
})

describe('a network', () => {
  const withLayers = (layers: typeof base.network.layers) => ({ ...base, network: { ...base.network, layers } })

  it.each([
    ['an unknown layer', [{ className: 'SpectralFog' }], /Unknown layer class "SpectralFog"/],
    [
      'a misspelled setting',
      [{ className: 'Flatten' }, { className: 'SpectralDense', config: { units: 3, actvation: 'relu' } }],
      /no setting 'actvation' of layer 2 \(SpectralDense\)/,
    ],
    ['random layers', [{ className: 'Dropout', config: { rate: 0.5 } }], /layer 1 \(Dropout\) draws random numbers/i],
    [
      'a regularizer of activations',
      [{ className: 'Flatten' }, { className: 'SpectralDense', config: { units: 2, activity_regularizer: 'l2' } }],
      /activity regularizer/,
    ],
    [
      'shapes that do not go together',
      [{ className: 'Flatten' }, { className: 'SpectralConv2D', config: { filters: 2, kernel_size: [3, 3] } }],
      /./,
    ],
  ])('with %s is refused', async (_, layers, message) => {
    await startBackend('cpu')
    const found = await problem(() => buildNetwork(withLayers(layers)))
    expect(found).toMatch(/^CONFIG_INVALID: [^\n]*\.$/)
    expect(found).toMatch(message)
  })

  it('is a function of the seed, with layers of Keras as well', async () => {
    await startBackend('cpu')
    const weights = (seed: number) =>
      buildNetwork({ ...configOf(CASES.find(({ backend }) => backend)!), seed }).layers.flatMap((layer) =>
        layer.weights.map((weight) => weight.read().arraySync()),
      )
    expect(weights(1)).toEqual(weights(1))
    expect(weights(1)).not.toEqual(weights(2))
  })
})

describe('a loss', () => {
  it.each([
    ['unknown', { className: 'HingeHKR' }, /Unknown loss "HingeHKR"/],
    ['with a misspelled argument', { className: 'MulticlassHKR', config: { alhpa: 3 } }, /no setting 'alhpa' of loss/],
    ['without a number', { className: 'MulticlassKR', config: { reduction: 'none' } }, /gives no number to minimise/],
    ['split over devices', { className: 'MulticlassHKR', config: { multi_gpu: true } }, /one device/],
  ])('%s is refused', async (_, loss, message) => {
    expect(await problem(() => createObjective(loss, []))).toMatch(message)
  })
})

describe('data that do not fit', () => {
  it.each([
    ['in shape', CASES[1]!, base, /takes samples of shape \[8, 8, 1\] and 'noise' has \[9, 7, 3\]/],
    [
      'in classes',
      CASES[0]!,
      configOf({
        ...CASES[0]!,
        layers: [...CASES[0]!.layers.slice(0, -1), { className: 'SpectralDense', config: { units: 3 } }],
      }),
      /has 3 outputs and 'noise' has 4 classes/,
    ],
    [
      'a single output',
      CASES[0]!,
      configOf({
        ...CASES[0]!,
        layers: [...CASES[0]!.layers.slice(0, -1), { className: 'SpectralDense', config: { units: 1 } }],
      }),
      /has 1 output and 'noise' has 4 classes/,
    ],
    [
      'an image for an answer',
      CASES[0]!,
      configOf({ ...CASES[0]!, layers: CASES[0]!.layers.slice(0, 2) }),
      /ends with samples of shape \[4, 4, 4\]/,
    ],
  ])('%s are refused', async (_, network, config, message) => {
    const folder = await mkdtemp(join(tmpdir(), 'lip-onnx-config-'))
    const run = await openRunFolder(join(folder, 'run'), config, { resume: false })
    const data = { train: samplesFor(network, 8), test: samplesFor(network, 8, 'test') }
    expect(await problem(() => train({ run, ...data, resume: false }))).toMatch(message)
  })
})

describe('ready configurations', async () => {
  const files = (await readdir('configs')).filter((name) => name.endsWith('.yaml'))

  it('exist', () => {
    expect(files.length).toBeGreaterThan(3)
  })

  it.each(files)('%s is valid and its network and loss can be built', async (name) => {
    await startBackend('cpu')
    const config = await readTrainingConfig(join('configs', name))
    expect(CATALOGUE.map((set) => set.name)).toContain(config.data.name)
    const { layers } = buildNetwork(config)
    createObjective(config.loss, layers)
  })

  it("hold the notebook's numbers", async () => {
    const { network, loss, optimizer, batchSize, epochs } = await readTrainingConfig('configs/demo4-notebook.yaml')
    expect({ mode: network.mode, loss, optimizer, batchSize, epochs }).toEqual({
      mode: 'deel-lip-1.2',
      loss: { className: 'MulticlassHKR', config: { alpha: 100, min_margin: 0.25, compat: 'deel-lip-1.2' } },
      optimizer: { name: 'adam', learningRate: 1e-4 },
      batchSize: 4096,
      epochs: 100,
    })
    await startBackend('cpu')
    const model = buildNetwork(await readTrainingConfig('configs/demo4-notebook.yaml'))
    expect(model.layers.map((layer) => layer.countParams())).toEqual([321, 0, 9281, 0, 0, 200833, 1280])
  })

  it("are the demo verb's own", async () => {
    for (const config of [DEMO4_FULL, DEMO4_SHORT, DEMO4_FAST])
      expect(await checkConfig(config, 'demo')).toEqual(config)
    expect(await readTrainingConfig('configs/demo4.yaml')).toEqual({ ...DEMO4_FULL, name: 'demo4' })
  })
})

it('the configuration of docs/training.md is one, down to its callbacks', async () => {
  const text = await readFile(new URL('../../docs/training.md', import.meta.url), 'utf8')
  const config = await checkConfig(parse(/```yaml\n([\s\S]*?)```/.exec(text)![1]!), 'docs/training.md')
  await startBackend('cpu')
  const network = buildNetwork(config)
  const { loss } = createObjective(config.loss, network.layers)
  const notes = { folder: (i: number) => `monitor-${i + 1}`, resume: undefined, note: () => {} }
  expect(createCallbacks(config.callbacks!, { network, loss, ...notes })).toHaveLength(2)
})

it('every key of the schema says what it is', async () => {
  const schema = JSON.parse(await readFile(new URL('../../schemas/train.schema.json', import.meta.url), 'utf8'))
  const silent: string[] = []
  const walk = (node: unknown, path: string): void => {
    if (typeof node !== 'object' || node === null) return
    for (const [key, value] of Object.entries(node as Record<string, unknown>)) {
      if (key === 'properties') {
        for (const [name, property] of Object.entries(value as Record<string, unknown>)) {
          // true and const in conditions repeat what is described above them.
          const told = property === true || (property as { const?: unknown }).const !== undefined
          const inner = property as { description?: string; properties?: object }
          if (!told && !path.includes('/if') && inner.description === undefined && inner.properties === undefined) {
            silent.push(`${path}/${name}`)
          }
        }
      }
      walk(value, `${path}/${key}`)
    }
  }
  walk(schema, '')
  expect(silent).toEqual([])
})

it('CIFAR-10 and data of the user can be named, and what they lack is said', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lip-onnx-named-'))
  await mkdir(join(folder, 'cifar-10-batches-bin'))
  const record = Buffer.concat([Buffer.from([3]), Buffer.alloc(3072, 51)])
  await writeFile(join(folder, 'cifar-10-batches-bin', 'test_batch.bin'), Buffer.concat([record, record]))
  const { data } = await checkConfig({ ...base, data: { name: 'cifar-10', testSamples: 1 } }, 'c')
  expect(await loadTrainingData(data, { split: 'test', dataDir: folder })).toMatchObject({
    count: 1,
    dims: [3, 32, 32],
  })
  const images = { name: 'images', path: 'x', testPath: 'y' }
  expect((await checkConfig({ ...base, data: images }, 'c')).data).toEqual(images)
  expect(await problem(() => checkConfig({ ...base, data: { name: 'npz' } }, 'c'))).toContain("'npz' needs path")
})
