import type { ElementType } from './ir.ts'

/** TensorProto.DataType numbers are positions in this list. */
const BY_CODE: readonly ElementType[] = [
  'undefined',
  'float32',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'int32',
  'int64',
  'string',
  'bool',
  'float16',
  'float64',
  'uint32',
  'uint64',
  'complex64',
  'complex128',
  'bfloat16',
  'float8e4m3fn',
  'float8e4m3fnuz',
  'float8e5m2',
  'float8e5m2fnuz',
  'uint4',
  'int4',
  'float4e2m1',
]

const BITS: Readonly<Record<ElementType, number>> = {
  undefined: 0,
  float32: 32,
  uint8: 8,
  int8: 8,
  uint16: 16,
  int16: 16,
  int32: 32,
  int64: 64,
  string: 0,
  bool: 8,
  float16: 16,
  float64: 64,
  uint32: 32,
  uint64: 64,
  complex64: 64,
  complex128: 128,
  bfloat16: 16,
  float8e4m3fn: 8,
  float8e4m3fnuz: 8,
  float8e5m2: 8,
  float8e5m2fnuz: 8,
  uint4: 4,
  int4: 4,
  float4e2m1: 4,
}

/** The type of a TensorProto.DataType number; 'undefined' for 0 and for numbers of the future. */
export function elementType(code: number): ElementType {
  return BY_CODE[code] ?? 'undefined'
}

export function elementCode(type: ElementType): number {
  return BY_CODE.indexOf(type)
}

/** Bits of one element in `raw_data`; 0 for types that raw data cannot hold. */
export function elementBits(type: ElementType): number {
  return BITS[type]
}

const FLOATS: ReadonlySet<ElementType> = new Set<ElementType>([
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'float8e4m3fn',
  'float8e4m3fnuz',
  'float8e5m2',
  'float8e5m2fnuz',
  'float4e2m1',
])

/** A type whose arithmetic rounds. */
export function isFloat(type: ElementType): boolean {
  return FLOATS.has(type)
}

/** Whole numbers and truth values: arithmetic on them is exact below 2^53. */
export function isInteger(type: ElementType): boolean {
  return type === 'bool' || /^u?int\d+$/.test(type)
}
