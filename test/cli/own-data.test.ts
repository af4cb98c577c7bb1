import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { randomStream } from '../../src/linalg/random.ts'
import { plain, writeNpz, writeTree } from '../data/own-files.ts'
import { runMain } from './run-main.ts'

let folder: string
const at = (name: string) => join(folder, name)

/** Bright above or bright below, with noise: two classes that any network can tell apart. */
function halves(count: number, key: number): { readonly x: Uint8Array; readonly y: Int32Array } {
  const stream = randomStream(key)
  const y = Int32Array.from({ length: count }, (_, i) => i % 2)
  const x = Uint8Array.from({ length: count * 36 }, (_, i) => {
    const bright = Math.floor((i % 36) / 18) === y[Math.floor(i / 36)]!
    return (bright ? 180 : 20) + stream.integer(50)
  })
  return { x, y }
}

const config = (data: object, inputShape: readonly number[], epochs = 3) =>
  stringify({
    name: 'own',
    data,
    network: {
      inputShape,
      layers: [
        { className: 'Flatten' },
        { className: 'SpectralDense', config: { units: 8, activation: { class_name: 'GroupSort', config: { n: 2 } } } },
        { className: 'SpectralDense', config: { units: 1 } },
      ],
    },
    loss: { className: 'HKR', config: { alpha: 10, min_margin: 1 } },
    optimizer: { name: 'adam', learningRate: 0.02 },
    batchSize: 16,
    epochs,
  })

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lip-onnx-own-'))
  const train = halves(64, 1)
  const test = halves(30, 2)
  await writeNpz(at('halves.npz'), {
    x_train: [train.x, [64, 6, 6]],
    y_train: [train.y, [64]],
    x_test: [test.x, [30, 6, 6]],
    y_test: [test.y, [30]],
  })
  await writeNpz(at('one.npz'), { x: [test.x, [30, 6, 6]], y: [test.y, [30]] })
  const images: Record<string, Uint8Array> = {}
  for (const split of ['train', 'test']) {
    for (let i = 0; i < 12; i++) {
      images[`${split}/dark/${i}.png`] = plain(4, 4, [10 + i, 30, 20])
      images[`${split}/light/${i}.png`] = plain(4, 4, [200 + i, 210, 220])
    }
  }
  await writeTree(at('pictures'), images)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('data of the user', () => {
  it('.npz: train with a report, verify and attack', async () => {
    await writeFile(at('npz.yaml'), config({ name: 'npz', path: 'halves.npz' }, [6, 6, 1]))
    const run = at('run-npz')
    const made = ['train', at('npz.yaml'), '--data-dir', folder, '--out', run, '--report', at('run.json'), '--quiet']
    const trained = await runMain([...made, '--json'])
    expect(trained.stderr).toBe('')
    expect(trained.code).toBe(0)
    const result = JSON.parse(trained.stdout)
    expect(result.chosen.val_accuracy).toBe(1)
    expect(result.report.training.history).toHaveLength(3)
    expect(JSON.parse(await readFile(at('run.json'), 'utf8')).dataset).toMatchObject({
      name: 'halves.npz',
      samples: 30,
    })
    // Where the file lay is nobody's business but the run's.
    expect((await readFile(result.model)).includes(Buffer.from(folder))).toBe(false)

    const verified = await runMain(['verify', result.model, '--dataset', at('halves.npz'), '--json', '--quiet'])
    expect(verified.code).toBe(0)
    expect(JSON.parse(verified.stdout).certificates).toEqual(result.report.certificates)
    const attacked = await runMain([
      'attack',
      result.model,
      '--dataset',
      at('one.npz'),
      '--samples',
      '4',
      '--json',
      '--quiet',
    ])
    expect(attacked.code).toBe(0)
    expect(JSON.parse(attacked.stdout).best).toHaveLength(4)
  })

  it('images: train and verify, in the order of the model', async () => {
    await writeFile(at('images.yaml'), config({ name: 'images', path: at('pictures') }, [4, 4, 3], 30))
    const run = at('run-images')
    const trained = await runMain(['train', at('images.yaml'), '--out', run, '--quiet', '--json'])
    expect(trained.code).toBe(0)
    expect(JSON.parse(trained.stdout).chosen.val_accuracy).toBe(1)
    const report = await runMain(['verify', join(run, 'model.onnx'), '--dataset', at('pictures'), '--json', '--quiet'])
    const { certificates, dataset } = JSON.parse(report.stdout)
    expect(certificates).toMatchObject({ count: 24, correct: 24 })
    expect(dataset.classes).toEqual(['dark', 'light'])
  })

  it('two moons in their own range are attacked where they lie', async () => {
    const moons = config({ name: 'two-moons', trainSamples: 200, testSamples: 40 }, [2]).replace(
      / +- className: Flatten\n/,
      '',
    )
    await writeFile(at('moons.yaml'), moons)
    const trained = await runMain([
      'train',
      at('moons.yaml'),
      '--out',
      at('run-moons'),
      '--report',
      at('moons.json'),
      '--quiet',
    ])
    expect(trained.code).toBe(0)
    const report = JSON.parse(await readFile(at('moons.json'), 'utf8'))
    expect(report.plane.values).toHaveLength(report.plane.columns * report.plane.rows)
    expect(report.attacks[0].samples).toHaveLength(40)
    const model = join(at('run-moons'), 'model.onnx')
    const attacked = await runMain(['attack', model, '--dataset', 'two-moons', '--samples', '6', '--json', '--quiet'])
    expect(JSON.parse(attacked.stdout).inputRange).toEqual([-2, 3])
  })

  it.each([
    ['a config without a path', { name: 'npz' }, 'npz.needs', "'npz' needs path"],
    ['a path beside a name', { name: 'mnist', path: 'x.npz' }, 'npz.path', "path says nothing about 'mnist'"],
    [
      'a layout of images',
      { name: 'images', path: 'x', layout: 'channels-last' },
      'layout',
      "layout says nothing about 'images'",
    ],
    [
      'one set for both splits',
      { name: 'npz', path: 'one.npz' },
      'one',
      'is not divided into train and test: it holds one set of samples',
    ],
    ['a file that is not there', { name: 'npz', path: 'none.npz' }, 'none', "none.npz' does not exist"],
    ['a dataset that is none', { name: 'cifar' }, 'cifar', "There is no dataset 'cifar'."],
  ])('train ends with 4 and one sentence on %s', async (_, data, name, sentence) => {
    await writeFile(at(`${name}.yaml`), config(data, [6, 6, 1]))
    const { code, stderr } = await runMain(['train', at(`${name}.yaml`), '--data-dir', folder, '--out', at('nothing')])
    expect([code, stderr.split('\n')[0]]).toEqual([4, expect.stringContaining(sentence)])
  })

  it('verify chooses classes of a dataset, and refuses what cannot be chosen', async () => {
    const model = join(at('run-npz'), 'model.onnx')
    const swapped = await runMain([
      'verify',
      model,
      '--dataset',
      at('halves.npz'),
      '--classes',
      '1,0',
      '--json',
      '--quiet',
    ])
    // The classes changed places, so every sample is on the wrong side now.
    expect(JSON.parse(swapped.stdout).certificates.correct).toBe(0)
    const none = await runMain(['verify', model, '--dataset', at('halves.npz'), '--classes', '1,7'])
    expect([none.code, none.stderr]).toEqual([4, expect.stringContaining("'halves.npz' has no class '7'.")])
    const odd = await runMain(['verify', model, '--dataset', at('pictures')])
    expect([odd.code, odd.stderr]).toEqual([4, expect.stringContaining('holds samples of 3x4x4, but the model takes')])
  })
})
