import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { loadDataset } from '../../src/data/catalogue.ts'
import { sha256 } from '../../src/data/download.ts'
import { idxSet } from '../../src/data/idx-set.ts'

const FOLDER = process.env.LIP_ONNX_DATA ?? '../shared/data'
const HAVE = existsSync(join(FOLDER, 'fashion-mnist')) && existsSync(join(FOLDER, 'mnist'))

describe.skipIf(!HAVE)('the original files', () => {
  it('are recognised, scaled to [0, 1] and labelled', async () => {
    const set = await loadDataset('fashion-mnist', { split: 'test', dataDir: FOLDER })
    expect(set.count).toBe(10_000)
    expect(set.dims).toEqual([1, 28, 28])
    expect(set.source).toBe('original files, SHA-256 checked')
    expect([...set.labels.subarray(0, 10)]).toEqual([9, 2, 1, 1, 6, 1, 4, 6, 5, 7])
    expect(Array.from({ length: 10 }, (_, c) => set.labels.filter((label) => label === c).length)).toEqual(
      Array(10).fill(1000),
    )
    expect(
      set.images.every((value) => value >= 0 && value <= 1 && Number.isInteger(Math.round(value * 255 * 1e4) / 1e4)),
    ).toBe(true)
    expect(set.image(3).length).toBe(784)
    expect(set.image(3).buffer).toBe(set.images.buffer)
  })

  it('of MNIST in the place of Fashion-MNIST are said to differ', async () => {
    const set = await loadDataset('fashion-mnist', { split: 'test', samples: 5, dataDir: join(FOLDER, 'mnist') })
    expect(set.source).toMatch(/differ from the published/)
  })

  it('are found through LIP_ONNX_DATA, and the first samples are the first samples', async () => {
    const env = { LIP_ONNX_DATA: FOLDER }
    const few = await loadDataset('mnist', { split: 'test', samples: 7, env, offline: true })
    const more = await loadDataset('mnist', { split: 'test', samples: 20, env, offline: true })
    expect(few.count).toBe(7)
    expect([...few.labels]).toEqual([7, 2, 1, 0, 4, 1, 4])
    expect(more.images.subarray(0, 7 * 784)).toEqual(few.images)
  })
})

/** A tiny set of the same format with a server of its own. */
const idx = (dims: readonly number[], fill: (i: number) => number) => {
  const header = Buffer.alloc(4 + 4 * dims.length)
  header[2] = 8
  header[3] = dims.length
  dims.forEach((size, axis) => {
    header.writeUInt32BE(size, 4 + 4 * axis)
  })
  return Buffer.concat([header, Uint8Array.from({ length: dims.reduce((a, b) => a * b) }, (_, i) => fill(i))])
}
const images = idx([3, 28, 28], (i) => i % 256)
const labels = idx([3], (i) => i)

function tiny(home: string) {
  const sums = [sha256(images), sha256(labels)] as const
  return idxSet({
    name: 'tiny',
    title: 'Tiny',
    licence: 'none',
    classes: ['a', 'b', 'c'],
    homes: [home],
    sha256: { train: sums, test: sums },
  })
}

const servers: { close(): void }[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function serve(files: Readonly<Record<string, Uint8Array>>): Promise<string> {
  const server = createServer((request, response) => {
    const body = files[request.url!.slice(1)]
    response.writeHead(body ? 200 : 404)
    response.end(body)
  })
  servers.push(server)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`
}

describe('idxSet', () => {
  it('downloads into the cache, checks, and needs no server the second time', async () => {
    const home = await serve({
      't10k-images-idx3-ubyte.gz': gzipSync(images, { level: 1 }),
      't10k-labels-idx1-ubyte.gz': gzipSync(labels, { level: 1 }),
    })
    const env = { LIP_ONNX_CACHE: await mkdtemp(join(tmpdir(), 'lip-onnx-cache-')) }
    const heard: number[] = []
    const first = await tiny(home).load({ split: 'test', env, onProgress: (received) => heard.push(received) })
    expect(first.source).toBe('original files, SHA-256 checked')
    expect(heard.length).toBeGreaterThan(0)
    const again = await tiny('http://127.0.0.1:9').load({ split: 'test', env })
    expect(again.images).toEqual(first.images)
    expect((await readdir(join(env.LIP_ONNX_CACHE, 'data', 'tiny'))).some((name) => name.endsWith('.tmp'))).toBe(false)
  })

  it('keeps nothing of a file with another checksum', async () => {
    const home = await serve({
      't10k-images-idx3-ubyte.gz': gzipSync(labels),
      't10k-labels-idx1-ubyte.gz': gzipSync(labels),
    })
    const env = { LIP_ONNX_CACHE: await mkdtemp(join(tmpdir(), 'lip-onnx-cache-')) }
    await expect(tiny(home).load({ split: 'test', env })).rejects.toThrow(/another checksum/)
    await expect(tiny(home).load({ split: 'test', env })).rejects.toMatchObject({ code: 'DATA_INVALID' })
    expect(existsSync(join(env.LIP_ONNX_CACHE, 'data', 'tiny', 't10k-images-idx3-ubyte.gz'))).toBe(false)
  })

  it('says in one sentence that there is no network', async () => {
    const env = { LIP_ONNX_CACHE: await mkdtemp(join(tmpdir(), 'lip-onnx-cache-')) }
    await expect(tiny('http://127.0.0.1:9').load({ split: 'test', env })).rejects.toMatchObject({
      code: 'DATA_UNAVAILABLE',
      message: expect.stringMatching(/^'t10k-images-idx3-ubyte\.gz' could not be downloaded \(.*\)\.$/),
      hint: expect.stringContaining('--dataset shapes'),
    })
  })

  it.each([
    ['fewer labels than images', images, idx([2], () => 0), /holds 2 labels for the 3 images/],
    ['labels in the place of images', labels, labels, /array of 3 where Nx28x28 is due/],
    ['a label without a class', images, idx([3], () => 7), /Label 7 of sample 0/],
    ['no sample at all', idx([0, 28, 28], () => 0).subarray(0, 16), idx([0], () => 0).subarray(0, 8), /no samples/],
  ])('refuses %s', async (_, imageFile, labelFile, message) => {
    const folder = await mkdtemp(join(tmpdir(), 'lip-onnx-data-'))
    await mkdir(join(folder, 'tiny'))
    await writeFile(join(folder, 'tiny', 't10k-images-idx3-ubyte'), imageFile)
    await writeFile(join(folder, 'tiny', 't10k-labels-idx1-ubyte.gz'), gzipSync(labelFile))
    const loaded = tiny('http://127.0.0.1:9').load({ split: 'test', dataDir: folder })
    await expect(loaded).rejects.toThrow(message)
    await expect(loaded).rejects.toMatchObject({ code: 'DATA_INVALID', exitCode: 4 })
  })

  it('never looks elsewhere when --data-dir lacks the files', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lip-onnx-data-'))
    await expect(
      tiny('http://127.0.0.1:9').load({ split: 'test', dataDir: folder, env: { LIP_ONNX_DATA: FOLDER } }),
    ).rejects.toMatchObject({
      code: 'DATA_UNAVAILABLE',
    })
  })
})
