import { LipError } from '../errors.ts'

const BLOCK = 512

/** A field of a tar header: text up to the first NUL. */
const field = (block: Uint8Array, start: number, length: number) =>
  Buffer.from(block.subarray(start, start + length))
    .toString('latin1')
    .replace(/\0.*$/s, '')

/**
 * The plain files of a tar archive (POSIX ustar) by path, as views on its bytes.
 * @throws LipError DATA_INVALID when it is cut short or no archive
 */
export function untar(bytes: Uint8Array, path: string): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>()
  for (let at = 0; at + BLOCK <= bytes.length; ) {
    const header = bytes.subarray(at, at + BLOCK)
    if (header[0] === 0) return files
    const size = Number.parseInt(field(header, 124, 12), 8)
    if (field(header, 257, 5) !== 'ustar' || !(size >= 0)) break
    const start = at + BLOCK
    if (start + size > bytes.length) break
    const prefix = field(header, 345, 155)
    const name = field(header, 0, 100)
    const kind = field(header, 156, 1)
    if (kind === '0' || kind === '') files.set(prefix ? `${prefix}/${name}` : name, bytes.subarray(start, start + size))
    at = start + Math.ceil(size / BLOCK) * BLOCK
  }
  throw new LipError('DATA_INVALID', `'${path}' is not a complete tar archive.`)
}
