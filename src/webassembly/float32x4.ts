/** Vectors of four float32. */
import { binary, type Expression, get, type Local, memory, shuffle, simd } from './assemble.ts'

/** The float32 at address + offset in all four lanes. */
export const loadSplat = (address: Local, offset: number): Expression => [...get(address), ...memory(0x09, offset)]
export const splat = (value: number): Expression => [0x43, ...floatBytes(value), ...simd(0x13)]

export const add = binary(0xe4)
export const sub = binary(0xe5)
export const mul = binary(0xe6)
export const div = binary(0xe7)
export const greater = binary(0x44)
export const and = binary(0x4e)
export const sqrt = (value: Expression): Expression => [...value, ...simd(0xe3)]
/** Bits of `yes` where `mask` is set, else of `no`. */
export const select = (yes: Expression, no: Expression, mask: Expression): Expression => [
  ...yes,
  ...no,
  ...mask,
  ...simd(0x52),
]
/** Lanes 0 to 3 of the value in another order. */
export const lanes = (value: Expression, order: readonly number[]): Expression =>
  shuffle(
    value,
    value,
    order.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte)),
  )
/** First two lanes of `a`, then of `b`. */
export const join = (a: Expression, b: Expression): Expression =>
  shuffle(a, b, [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23])
/** The first two lanes as float64. */
export const promote = (value: Expression): Expression => [...value, ...simd(0x5f)]
/** Two float64 as the first two lanes, then zeros. */
export const demote = (value: Expression): Expression => [...value, ...simd(0x5e)]

function floatBytes(value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(4))
  view.setFloat32(0, value, true)
  return new Uint8Array(view.buffer)
}
