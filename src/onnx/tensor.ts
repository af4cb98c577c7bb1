import { LipError } from '../errors.ts'
import type { ElementType, NdArray, Shape, StoredTensor } from './ir.ts'

const WIDENED = new WeakMap<StoredTensor, NdArray>()

/**
 * The elements as float64, exactly (int64 beyond 2^53 to the nearest double). Widened once per tensor.
 *
 * @throws LipError MODEL_UNSUPPORTED for strings, complex numbers and the 8-bit and 4-bit floats
 */
export function toNdArray(stored: StoredTensor): NdArray {
  const known = WIDENED.get(stored)
  if (known) return known
  const array: NdArray = { type: stored.type, dims: stored.dims, data: widen(stored) }
  WIDENED.set(stored, array)
  return array
}

function widen({ name, type, data }: StoredTensor): Float64Array {
  switch (type) {
    case 'float16':
      return Float64Array.from(data as Uint16Array, float16)
    case 'bfloat16':
      return widenBfloat16(data as Uint16Array)
    case 'int64':
    case 'uint64':
      return Float64Array.from(data as ArrayLike<unknown> as ArrayLike<bigint>, Number)
    case 'bool':
      return Float64Array.from(data as Uint8Array, (value) => (value === 0 ? 0 : 1))
    case 'float32':
    case 'float64':
    case 'int8':
    case 'uint8':
    case 'int16':
    case 'uint16':
    case 'int32':
    case 'uint32':
    case 'int4':
    case 'uint4':
      return new Float64Array(data as Float32Array)
    default:
      throw new LipError('MODEL_UNSUPPORTED', `Tensor '${name}' has elements of type ${type}, which is not supported.`)
  }
}

/** IEEE binary16: 1 sign, 5 exponent, 10 fraction bits. */
export function float16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN
  return sign * (1024 + fraction) * 2 ** (exponent - 25)
}

/** bfloat16 is the upper half of a float32. */
function widenBfloat16(bits: Uint16Array): Float64Array {
  return new Float64Array(new Float32Array(Uint32Array.from(bits, (half) => half << 16).buffer))
}

/**
 * A stored tensor of the array's type; float32 elements are rounded to nearest, integers must be whole.
 *
 * @throws LipError MODEL_UNSUPPORTED for types other than float32, float64, bool and whole numbers of 8 to 64 bits
 */
export function fromNdArray(name: string, array: NdArray): StoredTensor {
  return storeTensor(name, array.type, array.dims, array.data)
}

/** Plain numbers as a stored tensor. */
export function storeTensor(name: string, type: ElementType, dims: Shape, values: ArrayLike<number>): StoredTensor {
  const count = dims.reduce((product, dim) => product * dim, 1)
  if (values.length !== count)
    throw new Error(`tensor '${name}' has ${values.length} elements for dims [${dims.join(', ')}]`)
  return { name, type, dims, data: narrow(name, type, values) }
}

function narrow(name: string, type: ElementType, values: ArrayLike<number>): StoredTensor['data'] {
  switch (type) {
    case 'float32':
      return Float32Array.from(values)
    case 'float64':
      return Float64Array.from(values)
    case 'int64':
      return BigInt64Array.from(Array.from(values, (value) => BigInt.asIntN(64, saturated(value))))
    case 'uint64':
      return BigUint64Array.from(Array.from(values, (value) => BigInt(value)))
    case 'int32':
      return Int32Array.from(values)
    case 'uint32':
      return Uint32Array.from(values)
    case 'int16':
      return Int16Array.from(values)
    case 'uint16':
      return Uint16Array.from(values)
    case 'int8':
      return Int8Array.from(values)
    case 'uint8':
    case 'bool':
      return Uint8Array.from(values)
    default:
      throw new LipError('MODEL_UNSUPPORTED', `Tensor '${name}' cannot be stored as ${type}.`)
  }
}

/** 2^63 - 1 ("to the end") became 2^63 as a double: back into the range. */
function saturated(value: number): bigint {
  const whole = BigInt(value)
  const top = 2n ** 63n - 1n
  return whole > top ? top : whole < -top - 1n ? -top - 1n : whole
}
