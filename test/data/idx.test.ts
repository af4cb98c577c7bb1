import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decompress } from '../../src/data/gzip.ts'
import { parseIdx } from '../../src/data/idx.ts'

/** An IDX file by its definition. */
function idx(dims: readonly number[], data: readonly number[], type = 0x08): Uint8Array {
  const header = Buffer.alloc(4 + 4 * dims.length)
  header[2] = type
  header[3] = dims.length
  dims.forEach((size, axis) => {
    header.writeUInt32BE(size, 4 + 4 * axis)
  })
  return Buffer.concat([header, Buffer.from(data)])
}

describe('parseIdx', () => {
  it('reads what was written', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }), (dims) => {
        const data = Array.from({ length: dims.reduce((a, b) => a * b) }, (_, i) => (i * 37) % 256)
        const read = parseIdx(idx(dims, data), 'x')
        expect(read.dims).toEqual(dims)
        expect([...read.data]).toEqual(data)
      }),
    )
  })

  it.each([
    ['another magic number', Buffer.from('PK\x03\x04 not an idx file'), /does not start with its magic number/],
    ['an empty file', Buffer.alloc(0), /magic number/],
    ['a cut header', idx([2, 2], []).subarray(0, 9), /cut short in its IDX header/],
    ['cut data', idx([2, 3], [1, 2, 3, 4]), /announces 6 bytes of data and 4 are there/],
    ['trailing bytes', idx([2], [1, 2, 3]), /1 bytes after its data/],
    ['floats', idx([1], [0, 0, 0, 0], 0x0d), /type 0x0d/],
  ])('refuses %s in one sentence', (_, bytes, message) => {
    expect(() => parseIdx(bytes, 'file-idx')).toThrow(expect.objectContaining({ code: 'DATA_INVALID' }))
    expect(() => parseIdx(bytes, 'file-idx')).toThrow(message)
    expect(() => parseIdx(bytes, 'file-idx')).toThrow(/'file-idx'/)
  })
})

describe('decompress', () => {
  const content = Buffer.from('some bytes '.repeat(500))
  const packed = gzipSync(content)

  it('inflates gzip and leaves the rest', () => {
    expect(Buffer.from(decompress(packed, 'x')).equals(content)).toBe(true)
    expect(decompress(content, 'x')).toBe(content)
  })

  it('tells a cut stream from a damaged one', () => {
    expect(() => decompress(packed.subarray(0, packed.length - 9), 'a.gz')).toThrow(
      "The gzip file 'a.gz' ends too early.",
    )
    const damaged = Buffer.from(packed)
    damaged.fill(0xff, 20, 30)
    expect(() => decompress(damaged, 'a.gz')).toThrow("The gzip file 'a.gz' is damaged.")
    const wrongChecksum = Buffer.from(packed)
    wrongChecksum[packed.length - 6]! ^= 1
    expect(() => decompress(wrongChecksum, 'a.gz')).toThrow("The gzip file 'a.gz' is damaged.")
  })
})
