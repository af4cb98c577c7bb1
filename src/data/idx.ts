/**
 * The IDX format of MNIST: two zero bytes, an element type, the number of dimensions, the sizes (big-endian), the elements.
 * @module
 */
import { LipError } from '../errors.ts'

export interface IdxArray {
  readonly dims: readonly number[]
  /** A view on the bytes given. */
  readonly data: Uint8Array
}

const UNSIGNED_BYTE = 0x08

/**
 * Reads an IDX array of unsigned bytes.
 * @param path only named in messages
 * @throws LipError DATA_INVALID for a wrong magic number, another element type, or a length that the header denies.
 */
export function parseIdx(bytes: Uint8Array, path: string): IdxArray {
  const invalid = (what: string) =>
    new LipError('DATA_INVALID', `'${path}' ${what}.`, {
      hint: 'Expected are the original IDX files, such as t10k-images-idx3-ubyte.gz.',
    })
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0) {
    throw invalid('is not an IDX file: it does not start with its magic number')
  }
  if (bytes[2] !== UNSIGNED_BYTE) {
    throw invalid(
      `holds IDX elements of type 0x${bytes[2]!.toString(16).padStart(2, '0')} where unsigned bytes are due`,
    )
  }
  const rank = bytes[3]!
  const header = 4 + 4 * rank
  if (rank === 0 || bytes.length < header) throw invalid('is cut short in its IDX header')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const dims = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis))
  const size = dims.reduce((a, b) => a * b, 1)
  if (bytes.length < header + size) {
    throw invalid(`is cut short: its header announces ${size} bytes of data and ${bytes.length - header} are there`)
  }
  if (bytes.length > header + size) throw invalid(`has ${bytes.length - header - size} bytes after its data`)
  return { dims, data: bytes.subarray(header) }
}
