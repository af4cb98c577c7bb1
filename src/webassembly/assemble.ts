/**
 * A WebAssembly function on vectors of 128 bits, written instruction by instruction: what is known when it is written (shapes, strides)
 * becomes constants of the code, and loops over taps and channels unroll. Its arithmetic is that of JavaScript: IEEE, round to
 * nearest, no fused operations. Opcodes: WebAssembly core specification 2.0, chapter 5.4.
 * @module
 */

/** Bytes that leave one value on the stack. */
export type Expression = readonly number[]

export interface Local {
  readonly index: number
}

export interface Code {
  /** A new address or count. */
  i32(value?: Expression): Local
  /** A new vector of 128 bits. */
  v128(value?: Expression): Local
  set(local: Local, value: Expression): void
  /** An address moves on by a constant, in bytes. */
  advance(address: Local, by: number): void
  /** A vector to address + offset, in bytes. */
  store(address: Local, offset: number, value: Expression): void
  /** The first four bytes of a vector to address + offset, in bytes. */
  storeFirst(address: Local, offset: number, value: Expression): void
  /** Does `body` a constant number of times, or as often as a local says; either may be 0. */
  repeat(times: number | Local, body: () => void): void
}

/** The binary of a module that exports `run`, with the i32 parameters given to `write`, on the memory `env.memory`. */
export function assemble(parameters: number, write: (code: Code, ...parameters: Local[]) => void): Uint8Array {
  const locals: number[] = []
  const body: number[] = []
  const local = (type: number, value: Expression | undefined): Local => {
    const made = { index: parameters + locals.push(type) - 1 }
    if (value) code.set(made, value)
    return made
  }
  const code: Code = {
    i32: (value) => local(I32, value),
    v128: (value) => local(V128, value),
    set: (target, value) => body.push(...value, 0x21, ...leb(target.index)),
    advance: (address, by) => {
      if (by !== 0) code.set(address, plus(get(address), constant(by)))
    },
    store: (address, offset, value) => body.push(...get(address), ...value, ...memory(0x0b, offset)),
    storeFirst: (address, offset, value) => body.push(...get(address), ...value, ...memory(0x5a, offset), 0),
    repeat: (times, inside) => {
      if (typeof times === 'number' && !(Number.isInteger(times) && times >= 0)) {
        throw new Error(`A loop cannot run ${times} times.`)
      }
      if (times === 0) return
      if (times === 1) {
        inside()
        return
      }
      const left = code.i32(typeof times === 'number' ? constant(times) : get(times))
      // if (left) loop { inside; if (--left) again }
      body.push(...get(left), 0x04, 0x40, 0x03, 0x40)
      inside()
      body.push(...plus(get(left), constant(-1)), 0x22, ...leb(left.index), 0x0d, 0, 0x0b, 0x0b)
    },
  }
  write(code, ...Array.from({ length: parameters }, (_, index) => ({ index })))
  const whole = [...leb(locals.length), ...locals.flatMap((type) => [1, type]), ...body, 0x0b]
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, [1, 0x60, ...leb(parameters), ...Array<number>(parameters).fill(I32), 0]),
    ...section(2, [1, ...text('env'), ...text('memory'), 2, 0, 1]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...text('run'), 0, 0]),
    ...section(10, [1, ...leb(whole.length), ...whole]),
  ])
}

export const get = ({ index }: Local): Expression => [0x20, ...leb(index)]
export const constant = (value: number): Expression => [0x41, ...signedLeb(value)]
export const plus = (a: Expression, b: Expression): Expression => [...a, ...b, 0x6a]
export const minus = (a: Expression, b: Expression): Expression => [...a, ...b, 0x6b]
export const times = (a: Expression, b: Expression): Expression => [...a, ...b, 0x6c]

/** A vector from address + offset, in bytes. */
export const load = (address: Local, offset = 0): Expression => [...get(address), ...memory(0x00, offset)]
export const zeros: Expression = [...simd(0x0c), ...Array<number>(16).fill(0)]

export function simd(opcode: number): number[] {
  return [0xfd, ...leb(opcode)]
}

/** An instruction on memory; no alignment is promised beyond four bytes, which only costs where it is wrong. */
export function memory(opcode: number, offset: number): number[] {
  return [...simd(opcode), 2, ...leb(offset)]
}

export function binary(opcode: number): (a: Expression, b: Expression) => Expression {
  return (a, b) => [...a, ...b, ...simd(opcode)]
}

/** Bytes of two vectors, 0 to 15 of `a` and 16 to 31 of `b`, in another order. */
export function shuffle(a: Expression, b: Expression, bytes: readonly number[]): Expression {
  return [...a, ...b, ...simd(0x0d), ...bytes]
}

const I32 = 0x7f
const V128 = 0x7b

function section(id: number, content: readonly number[]): number[] {
  return [id, ...leb(content.length), ...content]
}

function text(value: string): number[] {
  const bytes = [...new TextEncoder().encode(value)]
  return [...leb(bytes.length), ...bytes]
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
    const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)
    bytes.push(done ? low : low | 0x80)
    if (done) return bytes
  }
}
