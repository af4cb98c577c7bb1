import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readArrays } from '../../src/data/arrays.ts'
import { encodeNpy, parseNpy } from '../../src/data/npy.ts'

/** A .npy file by its definition, with any header length. */
function npy(header: string, data: Uint8Array, padding = 0): Uint8Array {
  const text = Buffer.from(`${header}${' '.repeat(padding)}\n`, 'latin1')
  const length = Buffer.alloc(2)
  length.writeUInt16LE(text.length)
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, text, data])
}
const header = (descr: string, shape: string, fortran = false) =>
  `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': ${shape}, }`

describe('npy', () => {
  it('reads back what it writes', () => {
    fc.assert(
      fc.property(fc.float32Array({ minLength: 6, maxLength: 6, noNaN: true }), (data) => {
        const read = parseNpy(encodeNpy(data, [2, 3]), 'x')
        expect(read).toMatchObject({ dims: [2, 3], dtype: 'f4' })
        expect([...(read.data as Float32Array)]).toEqual([...data])
      }),
    )
  })

  it.each([0, 1, 2, 3, 5, 7, 11])('reads headers of any length (padding %i)', (padding) => {
    const data = new Uint8Array(Float64Array.of(1.5, -2, 3e300).buffer)
    expect([...(parseNpy(npy(header('<f8', '(3,)'), data, padding), 'x').data as Float64Array)]).toEqual([
      1.5, -2, 3e300,
    ])
  })

  it('turns column-major order into row-major', () => {
    // numpy.asfortranarray([[1, 2, 3], [4, 5, 6]])
    const data = new Uint8Array(Int32Array.of(1, 4, 2, 5, 3, 6).buffer)
    expect([...(parseNpy(npy(header('<i4', '(2, 3)', true), data), 'x').data as Float64Array)]).toEqual([
      1, 2, 3, 4, 5, 6,
    ])
  })

  it('reads int64 and bool as numbers', () => {
    const longs = new Uint8Array(BigInt64Array.of(7n, -1n).buffer)
    expect([...(parseNpy(npy(header('<i8', '(2,)'), longs), 'x').data as Float64Array)]).toEqual([7, -1])
    expect([...(parseNpy(npy(header('|b1', '(3,)'), Uint8Array.of(1, 0, 1)), 'x').data as Float64Array)]).toEqual([
      1, 0, 1,
    ])
  })

  it.each([
    ['nothing', new Uint8Array(0)],
    ['another format', Buffer.from('PK\x03\x04, surely no array at all')],
    ['cut data', npy(header('<f4', '(4,)'), new Uint8Array(12))],
    ['data cut inside an element', npy(header('<f4', '(4,)'), new Uint8Array(15))],
    ['more data than announced', npy(header('<f4', '(4,)'), new Uint8Array(20))],
    ['big-endian numbers', npy(header('>f4', '(1,)'), new Uint8Array(4))],
    ['text', npy(header('<U3', '(1,)'), new Uint8Array(12))],
    ['objects', npy(header('|O', '(1,)'), new Uint8Array(8))],
    ['a negative shape', npy(header('<f4', '(-1,)'), new Uint8Array(4))],
  ])('refuses %s', (_, bytes) => {
    expect(() => parseNpy(bytes, 'a.npy')).toThrow(expect.objectContaining({ code: 'DATA_INVALID' }))
  })

  it.skipIf(!existsSync('../shared/zoo/plain-cnn.logits.npy'))('reads a file of NumPy itself', () => {
    const read = parseNpy(readFileSync('../shared/zoo/plain-cnn.logits.npy'), 'x')
    expect(read).toMatchObject({ dims: [256, 10], dtype: 'f4' })
  })
})

describe('readArrays', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lip-onnx-npy-'))
  const save = async (name: string, data: Float32Array | Int32Array | Uint8Array, dims: readonly number[]) => {
    await writeFile(join(folder, name), encodeNpy(data, dims))
    return join(folder, name)
  }
  const inputs = await save(
    'x.npy',
    Float32Array.from({ length: 24 }, (_, i) => i / 24),
    [2, 3, 2, 2],
  )
  const labels = await save('y.npy', Int32Array.of(1, 0), [2])

  it('pairs inputs and labels', async () => {
    const set = await readArrays({ inputs, labels, dims: [3, 2, 2], classes: 2 })
    expect(set).toMatchObject({ count: 2, dims: [3, 2, 2], split: 'given' })
    expect([...set.labels]).toEqual([1, 0])
    expect(set.image(1)[0]).toBe(Math.fround(0.5))
  })

  it('scales bytes, and takes one-hot labels and flat samples', async () => {
    const bytes = await save(
      'b.npy',
      Uint8Array.from({ length: 24 }, (_, i) => i * 10),
      [2, 12],
    )
    const hot = await save('h.npy', Float32Array.of(0, 1, 0, 1, 0, 0), [2, 3])
    const set = await readArrays({ inputs: bytes, labels: hot, dims: [3, 2, 2], classes: 3 })
    expect(set.images[1]).toBe(Math.fround(10 / 255))
    expect([...set.labels]).toEqual([1, 0])
  })

  it.each([
    [
      'labels of another length',
      { labels: () => save('y3.npy', Int32Array.of(1, 0, 1), [3]) },
      /holds 3 labels for 2 inputs/,
    ],
    ['another size of sample', { dims: [1, 28, 28] }, /holds samples of 3x2x2, but the model takes 1x28x28/],
    ['another order of axes', { dims: [2, 2, 3] }, /axes are in another order/],
    ['a class that is none', { classes: 1 }, /Label 1 of sample 0 .* outside 0\.\.0/],
    [
      'fractions as labels',
      { labels: () => save('yf.npy', Float32Array.of(0.5, 1), [2]) },
      /is 0.5, which is no class number/,
    ],
    [
      'rows that are not one-hot',
      { labels: () => save('yh.npy', Float32Array.of(0.5, 0.5, 1, 0), [2, 2]) },
      /not one-hot/,
    ],
  ])('refuses %s', async (_, change, message) => {
    const wrong = {
      inputs,
      dims: [3, 2, 2],
      classes: 2,
      ...change,
      labels: 'labels' in change ? await change.labels() : labels,
    }
    await expect(readArrays(wrong)).rejects.toThrow(message)
    await expect(readArrays(wrong)).rejects.toMatchObject({ code: 'DATA_INVALID' })
  })
})
