/**
 * NumPy's .npy files: npyjs for the format, checks and plain float32 or integers around it.
 * @module
 */
import { dump, parse } from 'npyjs'
import { LipError } from '../errors.ts'
import { readBytes } from './read-bytes.ts'

export interface NpyValue {
  readonly dims: readonly number[]
  /** As NumPy names it: 'f4', 'u1', 'i8', ... */
  readonly dtype: string
  /** Row-major. */
  readonly data: ArrayLike<number>
}

/** `data` in column-major order to row-major. */
function rowMajor(data: ArrayLike<number>, dims: readonly number[]): Float64Array {
  const out = new Float64Array(data.length)
  const index = new Array<number>(dims.length).fill(0)
  for (let target = 0; target < out.length; target++) {
    let source = 0
    for (let axis = dims.length - 1; axis >= 0; axis--) source = source * dims[axis]! + index[axis]!
    out[target] = data[source]!
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      index[axis]!++
      if (index[axis]! < dims[axis]!) break
      index[axis] = 0
    }
  }
  return out
}

/**
 * Reads the bytes of a .npy file of real numbers, integers or booleans.
 * @throws LipError DATA_INVALID when they are not one, are cut short, or hold another type.
 */
export function parseNpy(bytes: Uint8Array, path: string): NpyValue {
  const invalid = (what: string, cause?: unknown) => new LipError('DATA_INVALID', `'${path}' ${what}.`, { cause })
  let parsed: ReturnType<typeof parse>
  try {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    // npyjs makes views on its buffer: the data must lie at a multiple of the element size, whatever the header's length.
    const start = view.getUint8(6) <= 1 ? 10 + view.getUint16(8, true) : 12 + view.getUint32(8, true)
    if (start % 8 !== 0 && start < bytes.length) return parseNpy(realign(bytes, start), path)
    parsed = parse(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer)
  } catch (cause) {
    if (cause instanceof LipError) throw cause
    const reason = cause instanceof RangeError ? 'it is cut short' : (cause as Error).message
    throw invalid(`is not a .npy file that can be read (${reason})`, cause)
  }
  if (!/^([iu][1248]|f[248]|b1)$/.test(parsed.dtype)) {
    throw invalid(`holds elements of type '${parsed.dtype}' where numbers are due`)
  }
  const dims = parsed.shape
  if (!dims.every((size) => Number.isSafeInteger(size) && size >= 0)) throw invalid('has a malformed shape')
  const size = dims.reduce((a, b) => a * b, 1)
  const raw = parsed.data as unknown as ArrayLike<number | bigint | boolean>
  if (raw.length !== size) {
    throw invalid(`announces ${size} elements (${dims.join('x')}) and holds ${raw.length}`)
  }
  const data =
    typeof raw[0] === 'bigint' || typeof raw[0] === 'boolean'
      ? Float64Array.from(raw, Number)
      : (raw as ArrayLike<number>)
  return { dims, dtype: parsed.dtype, data: parsed.fortranOrder ? rowMajor(data, dims) : data }
}

/** The same file with its header padded by spaces so that the data starts at a multiple of 8. */
function realign(bytes: Uint8Array, start: number): Uint8Array {
  const padding = 8 - (start % 8)
  const out = new Uint8Array(bytes.length + padding)
  out.set(bytes.subarray(0, start))
  out.fill(0x20, start, start + padding)
  out.set(bytes.subarray(start), start + padding)
  const view = new DataView(out.buffer)
  if (view.getUint8(6) <= 1) view.setUint16(8, start - 10 + padding, true)
  else view.setUint32(8, start - 12 + padding, true)
  return out
}

export async function readNpy(path: string): Promise<NpyValue> {
  return parseNpy(await readBytes(path), path)
}

/** The bytes of a .npy file; float32 and int32 (and every other typed array) keep their type. */
export function encodeNpy(
  data: Float32Array | Float64Array | Int32Array | Uint8Array,
  dims: readonly number[],
): Uint8Array {
  return new Uint8Array(dump(data, [...dims]))
}
