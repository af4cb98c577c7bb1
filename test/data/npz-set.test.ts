import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadDataset } from '../../src/data/catalogue.ts'
import type { LocalRequest } from '../../src/data/local-request.ts'
import { loadNpzSet } from '../../src/data/npz-set.ts'
import { type Arrays, writeNpz } from './own-files.ts'

let folder: string
let made = 0
const npz = (arrays: Arrays) => writeNpz(join(folder, `set-${made++}.npz`), arrays)
const load = async (arrays: Arrays, request: Partial<LocalRequest> = {}) =>
  loadNpzSet(await npz(arrays), { split: 'test', ...request })

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lip-onnx-npz-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const bytes = (count: number, size: number) => Uint8Array.from({ length: count * size }, (_, i) => i % 256)
const labels = (...values: number[]) => [Int32Array.from(values), [values.length]] as const

describe('a .npz file', () => {
  it('has splits by the names of Keras and of MedMNIST, and classes from the labels of both', async () => {
    const keras: Arrays = {
      x_train: [bytes(3, 6), [3, 2, 3]],
      y_train: labels(0, 1, 4),
      x_test: [bytes(2, 6), [2, 2, 3]],
      y_test: labels(1, 0),
    }
    const test = await load(keras)
    expect(test).toMatchObject({ count: 2, dims: [1, 2, 3], classes: ['0', '1', '2', '3', '4'] })
    expect(test.image(1)).toEqual(Float32Array.from([6, 7, 8, 9, 10, 11], (value) => value / 255))
    expect(test.ownRange).toBeUndefined()
    expect(test.source).toContain('x_test, y_test')
    expect((await load(keras, { split: 'train' })).labels).toEqual(Int32Array.of(0, 1, 4))

    const med = await load({
      train_images: [bytes(3, 6), [3, 2, 3]],
      train_labels: [Uint8Array.of(2, 0, 1), [3, 1]],
      val_images: [bytes(1, 6), [1, 2, 3]],
      val_labels: [Uint8Array.of(1), [1, 1]],
      test_images: [bytes(2, 6), [2, 2, 3]],
      test_labels: [Uint8Array.of(0, 1), [2, 1]],
    })
    expect(med).toMatchObject({ count: 2, classes: ['0', '1', '2'], labels: Int32Array.of(0, 1) })
  })

  it('turns channels last into channels first, and leaves channels first alone', async () => {
    // Value 100 channel + place.
    const first = Float32Array.from({ length: 2 * 3 * 4 }, (_, i) => 100 * (Math.floor(i / 4) % 3) + (i % 4))
    const last = Float32Array.from({ length: first.length }, (_, i) => 100 * (i % 3) + (Math.floor(i / 3) % 4))
    const a = await load({ x: [first, [2, 3, 2, 2]], y: labels(0, 1) })
    const b = await load({ x: [last, [2, 2, 2, 3]], y: labels(0, 1) })
    expect(a.dims).toEqual([3, 2, 2])
    expect(b.dims).toEqual([3, 2, 2])
    expect(b.images).toEqual(a.images)
    const wide = await load({ x: [bytes(1, 12), [1, 4, 1, 3]], y: labels(0) }, { layout: 'channels-last' })
    expect(wide.dims).toEqual([3, 4, 1])
  })

  it('takes numbers that are no bytes as they are, and one-hot labels', async () => {
    const data = await load({
      arr_0: [Float64Array.of(-3, 0.25, 7, 1), [2, 2]],
      arr_1: [Float32Array.of(0, 0, 1, 1, 0, 0), [2, 3]],
    })
    expect(data).toMatchObject({ dims: [2], labels: Int32Array.of(2, 0), ownRange: [0, 1] })
    expect(data.classes).toHaveLength(3)
    expect(data.images).toEqual(Float32Array.of(-3, 0.25, 7, 1))
  })

  it('gives the first samples only, and names where they are given', async () => {
    const x = [bytes(4, 4), [4, 4]] as const
    const data = await load({ x, y: labels(0, 1, 1, 0) }, { samples: 3, classNames: ['no', 'yes'] })
    expect(data).toMatchObject({ count: 3, classes: ['no', 'yes'], labels: Int32Array.of(0, 1, 1) })
  })

  it('takes the test split of a second file', async () => {
    const path = await npz({ x: [bytes(2, 4), [2, 4]], y: labels(0, 1) })
    const testPath = await npz({ inputs: [bytes(1, 4), [1, 4]], labels: labels(5) })
    const test = await loadNpzSet(path, { split: 'test', testPath })
    expect(test).toMatchObject({ count: 1, labels: Int32Array.of(5) })
    // The other file speaks of classes too.
    expect(test.classes).toHaveLength(6)
    expect((await loadNpzSet(path, { split: 'train', testPath })).classes).toHaveLength(6)
  })

  it('is found by its path, and a catalogue name is not a path', async () => {
    const path = await npz({ x: [bytes(2, 4), [2, 4]], y: labels(0, 1) })
    expect((await loadDataset(path, { split: 'test' })).count).toBe(2)
    await expect(loadDataset('imagenet', { split: 'test' })).rejects.toThrow("There is no dataset 'imagenet'.")
    await expect(loadDataset('no/where', { split: 'test' })).rejects.toThrow(/neither a .npz file nor a folder/)
    await expect(loadDataset('nowhere.npz', { split: 'test' })).rejects.toThrow("'nowhere.npz' does not exist.")
  })

  const x = [bytes(2, 4), [2, 4]] as const
  it.each<[string, Arrays, Partial<LocalRequest>, RegExp]>([
    ['no known key', { a: x, b: labels(0, 1) }, {}, /holds no samples of the test split \(it holds a, b\)/],
    ['inputs without labels', { x_test: x }, {}, /holds 'x_test' and no 'y_test'/],
    ['labels without inputs', { y_test: labels(0, 1) }, {}, /holds 'y_test' and no 'x_test'/],
    ['the other split only', { x_train: x, y_train: labels(0, 1) }, {}, /no samples of the test split/],
    [
      'one set where two are due',
      { x, y: labels(0, 1) },
      { requireSplit: true },
      /is not divided into train and test: it holds one set/,
    ],
    ['labels of another number', { x, y: labels(0, 1, 1) }, {}, /'y' in .* holds 3 labels for the 2 samples of 'x'/],
    ['a label between classes', { x, y: [Float32Array.of(0, 0.5), [2]] }, {}, /Label 1 .* is 0.5, which is no class/],
    ['a negative label', { x, y: labels(0, -1) }, {}, /Label -1 of sample 1 .* is outside 0\.\.1/],
    ['a label without a name', { x, y: labels(0, 2) }, { classNames: ['a', 'b'] }, /Label 2 .* is outside 0\.\.1/],
    ['a label beyond all classes', { x, y: labels(0, 2_000_000) }, {}, /largest label is 2000000/],
    ['rows that are not one-hot', { x, y: [Float32Array.of(1, 1, 0, 1), [2, 2]] }, {}, /Row 0 .* is not one-hot/],
    [
      'a list of numbers',
      { x: [bytes(2, 1), [2]], y: labels(0, 1) },
      {},
      /shape \(2\) where \(samples, \.\.\.\) is due/,
    ],
    ['no samples', { x: [bytes(0, 4), [0, 4]], y: labels() }, {}, /has no samples/],
    ['a value that is none', { x: [Float32Array.of(1, Number.NaN), [2, 1]], y: labels(0, 1) }, {}, /not finite/],
    ['an unclear order', { x: [bytes(2, 18), [2, 3, 2, 3]], y: labels(0, 1) }, {}, /channels may be first or last/],
  ])('is refused in one sentence: %s', async (_, arrays, request, sentence) => {
    const error = await load(arrays, request).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'DATA_INVALID', exitCode: 4, message: expect.stringMatching(sentence) })
  })

  it('is refused when it is no zip, or one cut short', async () => {
    const whole = await npz({ x, y: labels(0, 1) })
    const { readFile } = await import('node:fs/promises')
    const cut = join(folder, 'cut.npz')
    await writeFile(cut, (await readFile(whole)).subarray(0, 100))
    const text = join(folder, 'text.npz')
    await writeFile(text, 'no zip at all')
    for (const path of [cut, text]) {
      await expect(loadNpzSet(path, { split: 'test' })).rejects.toMatchObject({
        code: 'DATA_INVALID',
        message: expect.stringContaining('is not a .npz file that can be read'),
      })
    }
  })
})
