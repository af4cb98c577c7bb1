import { LipError } from '../errors.ts'
import { elementBits, elementType } from './element-types.ts'
import { type ExternalFolder, readExternalData } from './external-data.ts'
import type { ElementType, StoredTensor } from './ir.ts'
import type { Int64, WireTensor } from './schema.ts'

type Data = StoredTensor['data']

/** Where a type's elements live when they are not raw bytes. */
const TYPED_FIELD: Partial<Record<ElementType, keyof WireTensor>> = {
  float32: 'floatData',
  complex64: 'floatData',
  float64: 'doubleData',
  complex128: 'doubleData',
  int64: 'int64Data',
  uint32: 'uint64Data',
  uint64: 'uint64Data',
  string: 'stringData',
}
const LISTS = ['floatData', 'int32Data', 'stringData', 'int64Data', 'doubleData', 'uint64Data'] as const

/**
 * One tensor of the file. Dims, type and the data really present must agree; memory is spent only on data that is there.
 *
 * @param folder where external data may lie; undefined = nowhere
 */
export function decodeTensor(wire: WireTensor, folder: ExternalFolder | undefined, where: string): StoredTensor {
  const name = wire.name ?? ''
  const invalid = (what: string) => new LipError('MODEL_INVALID', `Tensor '${name}'${where} ${what}.`)
  const type = elementType(wire.dataType ?? 0)
  const dims = wire.dims.map((dim) => dim.toNumber())
  let count = 1
  for (const dim of dims) {
    if (!Number.isSafeInteger(dim) || dim < 0) throw invalid(`has a bad dimension ${dim}`)
    count *= dim
    if (!Number.isSafeInteger(count)) throw invalid(`declares more elements than any file can hold (${dims.join('x')})`)
  }
  if (Object.hasOwn(wire, 'segment'))
    throw new LipError('MODEL_UNSUPPORTED', `Tensor '${name}'${where} is stored in segments, which is not supported.`)
  const location = wire.dataLocation ?? 0
  if (location !== 0 && location !== 1) throw invalid(`has an unknown data location ${location}`)

  const raw = Object.hasOwn(wire, 'rawData') ? wire.rawData! : undefined
  const filled = LISTS.filter((list) => wire[list].length > 0)
  // A type of the future: kept by name without content, so that whoever uses it is refused by name.
  if (type === 'undefined') return { name, type, dims, data: new Uint8Array(0) }

  const bits = elementBits(type)
  const bytes = Math.ceil((count * bits) / 8)
  if (location === 1) {
    if (raw?.length || filled.length > 0) throw invalid('has both external and inline data')
    if (bits === 0) throw invalid(`of type ${type} cannot be external`)
    return { name, type, dims, data: fromBytes(type, count, readExternalData(name, wire.externalData, bytes, folder)) }
  }
  if (raw !== undefined && (raw.length > 0 || filled.length === 0)) {
    if (filled.length > 0) throw invalid('has both raw and typed data')
    if (bits === 0) throw invalid(`of type ${type} cannot have raw data`)
    if (raw.length !== bytes)
      throw invalid(`has ${raw.length} bytes of data where ${type} [${dims.join(', ')}] needs ${bytes}`)
    return { name, type, dims, data: fromBytes(type, count, raw) }
  }

  const list = TYPED_FIELD[type] ?? 'int32Data'
  if (filled.some((other) => other !== list)) throw invalid(`of type ${type} has its data in the wrong field`)
  const elements = wire[list] as readonly unknown[]
  const packed = bits === 4 ? 2 : 1
  const perElement = type === 'complex64' || type === 'complex128' ? 2 : 1
  const expected = Math.ceil((count * perElement) / packed)
  if (elements.length !== expected)
    throw invalid(`has ${elements.length} elements of data where ${type} [${dims.join(', ')}] needs ${expected}`)
  return { name, type, dims, data: fromList(type, count, elements) }
}

/** A view where the alignment allows it, a copy elsewhere. */
function aligned<T>(
  bytes: Uint8Array,
  size: number,
  make: (buffer: ArrayBuffer, offset: number, length: number) => T,
): T {
  if (bytes.byteOffset % size === 0) return make(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength / size)
  const copy = Uint8Array.from(bytes)
  return make(copy.buffer, 0, copy.byteLength / size)
}

function fromBytes(type: ElementType, count: number, bytes: Uint8Array): Data {
  switch (type) {
    case 'float32':
    case 'complex64':
      return aligned(bytes, 4, (b, o, n) => new Float32Array(b, o, n))
    case 'float64':
    case 'complex128':
      return aligned(bytes, 8, (b, o, n) => new Float64Array(b, o, n))
    case 'int64':
      return aligned(bytes, 8, (b, o, n) => new BigInt64Array(b, o, n))
    case 'uint64':
      return aligned(bytes, 8, (b, o, n) => new BigUint64Array(b, o, n))
    case 'int32':
      return aligned(bytes, 4, (b, o, n) => new Int32Array(b, o, n))
    case 'uint32':
      return aligned(bytes, 4, (b, o, n) => new Uint32Array(b, o, n))
    case 'int16':
      return aligned(bytes, 2, (b, o, n) => new Int16Array(b, o, n))
    case 'uint16':
    case 'float16':
    case 'bfloat16':
      return aligned(bytes, 2, (b, o, n) => new Uint16Array(b, o, n))
    case 'int8':
      return new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    case 'uint4':
    case 'int4':
    case 'float4e2m1':
      return nibbles(type, count, bytes)
    default:
      return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
}

/** Two elements a byte, the first in the low half. */
function nibbles(type: ElementType, count: number, bytes: ArrayLike<number>): Int8Array | Uint8Array {
  const signed = type === 'int4'
  const out = signed ? new Int8Array(count) : new Uint8Array(count)
  for (let i = 0; i < count; i++) {
    const half = (bytes[i >> 1]! >> (i % 2 === 0 ? 0 : 4)) & 15
    out[i] = signed && half > 7 ? half - 16 : half
  }
  return out
}

function fromList(type: ElementType, count: number, list: readonly unknown[]): Data {
  const numbers = list as readonly number[]
  switch (type) {
    case 'float32':
    case 'complex64':
      return Float32Array.from(numbers)
    case 'float64':
    case 'complex128':
      return Float64Array.from(numbers)
    case 'int64':
      return BigInt64Array.from(list as readonly Int64[], toBigInt)
    case 'uint64':
      return BigUint64Array.from(list as readonly Int64[], toBigInt)
    case 'uint32':
      return Uint32Array.from(list as readonly Int64[], (value) => value.low >>> 0)
    case 'int32':
      return Int32Array.from(numbers)
    case 'int16':
      return Int16Array.from(numbers)
    case 'uint16':
    case 'float16':
    case 'bfloat16':
      return Uint16Array.from(numbers)
    case 'int8':
      return Int8Array.from(numbers)
    case 'uint4':
    case 'int4':
    case 'float4e2m1':
      return nibbles(type, count, numbers)
    case 'string': {
      const decoder = new TextDecoder()
      return (list as readonly Uint8Array[]).map((bytes) => decoder.decode(bytes))
    }
    default:
      return Uint8Array.from(numbers)
  }
}

/** The 64 bits of a decoded integer as a bigint. */
export function toBigInt(value: Int64): bigint {
  return (BigInt(value.unsigned ? value.high >>> 0 : value.high) << 32n) | BigInt(value.low >>> 0)
}
