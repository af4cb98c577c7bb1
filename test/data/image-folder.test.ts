import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32, deflateSync } from 'node:zlib'
import { encode } from 'fast-png'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadDataset } from '../../src/data/catalogue.ts'
import { loadImageFolder } from '../../src/data/image-folder.ts'
import type { LocalRequest } from '../../src/data/local-request.ts'
import { parsePng } from '../../src/data/png.ts'
import { plain, writeTree } from './own-files.ts'

let root: string
let made = 0
const tree = (files: Readonly<Record<string, Uint8Array | string>>) => writeTree(join(root, `set-${made++}`), files)
const load = async (files: Readonly<Record<string, Uint8Array | string>>, request: Partial<LocalRequest> = {}) =>
  loadImageFolder(await tree(files), { split: 'test', ...request })

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'lip-onnx-images-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

const grey = (value: number) => plain(3, 2, value)

describe('a folder of images', () => {
  it('is one class a subfolder, classes in the order of their names, samples from each in turns', async () => {
    const data = await load({
      'b/2.png': grey(20),
      'b/1.png': grey(10),
      'a/x.PNG': grey(255),
      'B/y.png': grey(51),
      'b/3.png': grey(30),
      '.DS_Store': 'clutter',
      'a/.hidden': 'clutter',
    })
    expect(data).toMatchObject({ count: 5, dims: [1, 2, 3], classes: ['B', 'a', 'b'] })
    expect([...data.labels]).toEqual([0, 1, 2, 2, 2])
    expect(Array.from({ length: 5 }, (_, i) => Math.round(255 * data.image(i)[0]!))).toEqual([51, 255, 10, 20, 30])
  })

  it('has splits, whose classes are those of the train split', async () => {
    const files = {
      'train/cat/1.png': grey(1),
      'train/dog/1.png': grey(2),
      'train/eel/1.png': grey(3),
      'val/dog/1.png': grey(4),
      'val/eel/1.png': grey(5),
    }
    const test = await load(files)
    expect(test.classes).toEqual(['cat', 'dog', 'eel'])
    expect([...test.labels]).toEqual([1, 2])
    expect((await load(files, { split: 'train' })).count).toBe(3)
    await expect(load({ ...files, 'val/fox/1.png': grey(6) })).rejects.toThrow(/has a class 'fox' that the train split/)
  })

  it('is not divided by a class that happens to be called valid', async () => {
    const data = await load({ 'invalid/1.png': grey(1), 'valid/1.png': grey(2) })
    expect(data.classes).toEqual(['invalid', 'valid'])
  })

  it('takes the test split of a second folder', async () => {
    const path = await tree({ 'a/1.png': grey(1), 'b/1.png': grey(2) })
    const testPath = await tree({ 'b/1.png': grey(9) })
    const test = await loadImageFolder(path, { split: 'test', testPath, requireSplit: false })
    expect(test).toMatchObject({ count: 1, classes: ['a', 'b'], labels: Int32Array.of(1) })
  })

  it('reads only the first so many, of every class', async () => {
    const files = { 'a/1.png': grey(1), 'a/2.png': 'never read', 'b/1.png': grey(2), 'b/2.png': 'never read' }
    expect([...(await load(files, { samples: 2 })).labels]).toEqual([0, 1])
  })

  it('is RGB with the channels first, and is found by its path', async () => {
    const path = await tree({ 'a/1.png': plain(2, 1, [255, 51, 0]), 'b/1.png': plain(2, 1, [0, 0, 255]) })
    const data = await loadDataset(path, { split: 'test' })
    expect(data.dims).toEqual([3, 1, 2])
    expect(data.image(0)).toEqual(Float32Array.of(1, 1, 0.2, 0.2, 0, 0))
  })

  it.each<[string, Readonly<Record<string, Uint8Array | string>>, Partial<LocalRequest>, RegExp]>([
    ['an empty class', { 'a/1.png': grey(1), 'b/': '' }, {}, /The class folder '.*b' holds no image/],
    ['no class', { 'README.txt': 'nothing' }, {}, /holds no class/],
    ['one class', { 'a/1.png': grey(1) }, {}, /holds one class/],
    ['two sizes', { 'a/1.png': grey(1), 'b/1.png': plain(4, 4, 7) }, {}, /is grey, 4x4, but '.*' is grey, 3x2/],
    ['grey and RGB', { 'a/1.png': grey(1), 'b/1.png': plain(3, 2, [1, 2, 3]) }, {}, /is RGB, 3x2, but .* is grey, 3x2/],
    ['another format', { 'a/1.png': grey(1), 'b/1.jpg': 'jpeg' }, {}, /1\.jpg' is no PNG/],
    ['a text', { 'a/1.png': grey(1), 'b/1.png': 'no image' }, {}, /1\.png' is not a PNG file that can be read/],
    [
      'a cut file',
      { 'a/1.png': grey(1), 'b/1.png': grey(1).subarray(0, 45) },
      {},
      /is not a PNG file that can be read/,
    ],
    ['glass', { 'a/1.png': grey(1), 'b/1.png': plain(3, 2, [1, 2, 3, 254]) }, {}, /has transparent pixels/],
    ['folders in a class', { 'a/b/1.png': grey(1), 'c/1.png': grey(1) }, {}, /is a folder in a class/],
    [
      'one split where two are due',
      { 'a/1.png': grey(1), 'b/1.png': grey(1) },
      { requireSplit: true },
      /is not divided into train and test/,
    ],
    ['the other split only', { 'train/a/1.png': grey(1), 'train/b/1.png': grey(1) }, {}, /has no folder 'test'/],
  ])('is refused in one sentence: %s', async (_, files, request, sentence) => {
    const error = await load(files, request).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'DATA_INVALID', exitCode: 4, message: expect.stringMatching(sentence) })
  })

  it('is refused when it is not there', async () => {
    await expect(loadImageFolder(join(root, 'none'), { split: 'test' })).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: expect.stringContaining('does not exist'),
    })
  })
})

describe('a PNG file', () => {
  const chunk = (type: string, data: Uint8Array) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
    const ends = Buffer.alloc(8)
    ends.writeUInt32BE(data.length, 0)
    ends.writeUInt32BE(crc32(body), 4)
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)])
  }
  /** By the definition of the format: unfiltered rows of packed samples. */
  const packed = (
    width: number,
    depth: number,
    type: number,
    rows: readonly number[][],
    palette?: readonly number[],
  ) => {
    const header = Buffer.alloc(13)
    header.writeUInt32BE(width, 0)
    header.writeUInt32BE(rows.length, 4)
    header.set([depth, type], 8)
    return Buffer.concat([
      Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
      chunk('IHDR', header),
      ...(palette ? [chunk('PLTE', Buffer.from(palette))] : []),
      chunk('IDAT', deflateSync(Buffer.from(rows.flatMap((row) => [0, ...row])))),
      chunk('IEND', Buffer.alloc(0)),
    ])
  }
  const values = (bytes: Uint8Array) => [...parsePng(bytes, 'test').values].map((value) => Math.round(255 * value))

  it('of few bits is unpacked row by row', () => {
    const one = packed(10, 1, 0, [
      [0b10110011, 0b01000000],
      [0b00001111, 0b11000000],
    ])
    expect(values(one).map((value) => value / 255)).toEqual([
      ...[1, 0, 1, 1, 0, 0, 1, 1, 0, 1],
      ...[0, 0, 0, 0, 1, 1, 1, 1, 1, 1],
    ])
    expect(values(packed(3, 4, 0, [[0x1f, 0x80]]))).toEqual([17, 255, 136])
  })

  it('with a palette is RGB, or grey where all its colours are', () => {
    const row = [[0b00011011, 0b01000000]]
    const colours = parsePng(packed(5, 2, 3, row, [0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255]), 'test')
    expect(colours.channels).toBe(3)
    expect([...colours.values.subarray(0, 5)]).toEqual([0, 1, 0, 0, 1])
    const greys = parsePng(packed(5, 2, 3, row, [0, 0, 0, 51, 51, 51, 102, 102, 102, 255, 255, 255]), 'test')
    expect(greys.channels).toBe(1)
    expect([...greys.values]).toEqual(Array.from(Float32Array.of(0, 0.2, 0.4, 1, 0.2)))
  })

  it('of 16 bits keeps them, and an opaque alpha channel is dropped', () => {
    const data = Uint16Array.of(0, 65535, 13107)
    const deep = parsePng(encode({ width: 3, height: 1, channels: 1, depth: 16, data }), 'test')
    expect([...deep.values]).toEqual(Array.from(Float32Array.of(0, 1, 0.2)))
    expect(values(plain(2, 1, [7, 8, 9, 255]))).toEqual([7, 7, 8, 8, 9, 9])
    expect(values(plain(2, 1, [7, 255]))).toEqual([7, 7])
  })
})
