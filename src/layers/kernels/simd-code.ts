/**
 * A WebAssembly function with SIMD instructions, written instruction by instruction: shapes are constants of the code, so loops
 * over taps and channels unroll and addresses are immediate. Opcodes: WebAssembly core specification 2.0, chapter 5.4.
 *
 * @module
 */

/** Bytes that leave one value on the stack. */
export type Expression = readonly number[]

export interface Local {
  readonly index: number
}

export interface SimdCode {
  i32(): Local
  v128(): Local
  set(local: Local, value: Expression): void
  /** An i32 local moves on by a constant. */
  advance(local: Local, by: number): void
  /** Four floats to address + offset, in bytes. */
  store(address: Local, offset: number, value: Expression): void
  /** Does `body` a constant number of times, or as often as a local says, which may not be 0. */
  repeat(times: number | Local, body: () => void): void
}

/**
 * The binary of a module that exports `run`, with the i32 parameters given to `write`, on the memory `env.memory`.
 */
export function assemble(parameters: number, write: (code: SimdCode, ...parameters: Local[]) => void): Uint8Array {
  const locals: number[] = []
  const body: number[] = []
  const local = (type: number): Local => ({ index: parameters + locals.push(type) - 1 })
  const code: SimdCode = {
    i32: () => local(I32),
    v128: () => local(V128),
    set: (target, value) => body.push(...value, 0x21, ...leb(target.index)),
    advance: (target, by) => {
      if (by !== 0) code.set(target, plus(get(target), by))
    },
    store: (address, offset, value) => body.push(...get(address), ...value, ...simd(11), 2, ...leb(offset)),
    repeat: (times, inside) => {
      if (times === 0) return
      if (times === 1) {
        inside()
        return
      }
      const left = code.i32()
      code.set(left, typeof times === 'number' ? constant(times) : get(times))
      body.push(0x03, 0x40)
      inside()
      body.push(...plus(get(left), -1), 0x22, ...leb(left.index), 0x0d, 0, 0x0b)
    },
  }
  write(code, ...Array.from({ length: parameters }, (_, index) => ({ index })))
  const declared = locals.flatMap((type) => [1, type])
  const whole = [...leb(locals.length), ...declared, ...body, 0x0b]
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, [1, 0x60, ...leb(parameters), ...Array(parameters).fill(I32), 0]),
    ...section(2, [1, ...text('env'), ...text('memory'), 2, 0, 1]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...text('run'), 0, 0]),
    ...section(10, [1, ...leb(whole.length), ...whole]),
  ])
}

export const get = ({ index }: Local): Expression => [0x20, ...leb(index)]
export const constant = (value: number): Expression => [0x41, ...signedLeb(value)]
export const plus = (value: Expression, by: number): Expression => sum(value, constant(by))

export const sum = (a: Expression, b: Expression): Expression => [...a, ...b, 0x6a]
export const minus = (a: Expression, b: Expression): Expression => [...a, ...b, 0x6b]

export const load = (address: Local, offset: number): Expression => memory(0, address, offset)
/** One float in all four lanes. */
export const loadSplat = (address: Local, offset: number): Expression => memory(9, address, offset)
export const splat = (value: number): Expression => [0x43, ...floatBytes(value), ...simd(19)]
export const zeros: Expression = [...simd(12), ...Array<number>(16).fill(0)]

const binary =
  (opcode: number) =>
  (a: Expression, b: Expression): Expression => [...a, ...b, ...simd(opcode)]

export const add = binary(0xe4)
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
export const lanes = (value: Expression, order: readonly number[]): Expression => [
  ...value,
  ...value,
  ...simd(13),
  ...order.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte)),
]
/** The first two floats as doubles. */
export const promote = (value: Expression): Expression => [...value, ...simd(0x5f)]
/** Two doubles as the first two floats, then zeros. */
export const demote = (value: Expression): Expression => [...value, ...simd(0x5e)]
export const addDoubles = binary(0xf0)
/** First two lanes of `a`, then of `b`. */
export const join = (a: Expression, b: Expression): Expression => [
  ...a,
  ...b,
  ...simd(13),
  ...[0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23],
]

const I32 = 0x7f
const V128 = 0x7b

function memory(opcode: number, address: Local, offset: number): Expression {
  return [...get(address), ...simd(opcode), 2, ...leb(offset)]
}

function simd(opcode: number): number[] {
  return [0xfd, ...leb(opcode)]
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...leb(content.length), ...content]
}

function text(value: string): number[] {
  const bytes = [...new TextEncoder().encode(value)]
  return [...leb(bytes.length), ...bytes]
}

function floatBytes(value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(4))
  view.setFloat32(0, value, true)
  return new Uint8Array(view.buffer)
}

function leb(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  do {
    const low = rest % 128
    rest = Math.floor(rest / 128)
    bytes.push(rest === 0 ? low : low | 0x80)
  } while (rest !== 0)
  return bytes
}

function signedLeb(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (;;) {
    const low = rest & 0x7f
    rest >>= 7
    if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) {
      bytes.push(low)
      return bytes
    }
    bytes.push(low | 0x80)
  }
}
