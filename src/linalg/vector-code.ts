/**
 * A WebAssembly function on pairs of float64, written instruction by instruction. Its arithmetic is that of JavaScript: IEEE,
 * round to nearest, no fused operations. Opcodes: WebAssembly core specification 2.0, chapter 5.4.
 * @module
 */

/** Bytes that leave one value on the stack. */
export type Expression = readonly number[]

export interface Local {
  readonly index: number
}

export interface VectorCode {
  /** A new address or count. */
  i32(value: Expression): Local
  /** A new pair of float64. */
  pair(value?: Expression): Local
  set(local: Local, value: Expression): void
  /** Two float64 to address + offset, in bytes. */
  store(address: Local, offset: number, value: Expression): void
  /** Does `body` as often as the local says, which may be 0. */
  repeat(times: Local, body: () => void): void
}

/** The binary of a module that exports `run`, with the i32 parameters given to `write`, on the memory `env.memory`. */
export function assemble(parameters: number, write: (code: VectorCode, ...parameters: Local[]) => void): Uint8Array {
  const locals: number[] = []
  const body: number[] = []
  const local = (type: number): Local => ({ index: parameters + locals.push(type) - 1 })
  const code: VectorCode = {
    i32: (value) => {
      const made = local(0x7f)
      code.set(made, value)
      return made
    },
    pair: (value) => {
      const made = local(0x7b)
      if (value) code.set(made, value)
      return made
    },
    set: (target, value) => body.push(...value, 0x21, ...leb(target.index)),
    store: (address, offset, value) => body.push(...get(address), ...value, ...simd(0x0b), 3, ...leb(offset)),
    repeat: (times, inside) => {
      const left = code.i32(get(times))
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
    ...section(1, [1, 0x60, ...leb(parameters), ...Array<number>(parameters).fill(0x7f), 0]),
    ...section(2, [1, ...text('env'), ...text('memory'), 2, 0, 1]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...text('run'), 0, 0]),
    ...section(10, [1, ...leb(whole.length), ...whole]),
  ])
}

export const get = ({ index }: Local): Expression => [0x20, ...leb(index)]
export const constant = (value: number): Expression => [0x41, ...signedLeb(value)]
export const plus = (a: Expression, b: Expression): Expression => [...a, ...b, 0x6a]
export const times = (a: Expression, b: Expression): Expression => [...a, ...b, 0x6c]

export const zeros: Expression = [0xfd, 0x0c, ...Array<number>(16).fill(0)]
/** Two float64 from address + offset. */
export const load = (address: Local, offset = 0): Expression => [...get(address), ...simd(0x00), 3, ...leb(offset)]
/** One float64, twice. */
export const loadTwice = (address: Local, offset = 0): Expression => [...get(address), ...simd(0x0a), 3, ...leb(offset)]

const binary =
  (opcode: number) =>
  (a: Expression, b: Expression): Expression => [...a, ...b, ...simd(opcode)]

export const add = binary(0xf0)
export const sub = binary(0xf1)
export const mul = binary(0xf2)
export const div = binary(0xf3)

const shuffle =
  (first: number, second: number) =>
  (a: Expression, b: Expression): Expression => [
    ...a,
    ...b,
    ...simd(0x0d),
    ...[first, second + 2].flatMap((lane) => [0, 1, 2, 3, 4, 5, 6, 7].map((byte) => 8 * lane + byte)),
  ]

/** The first of a and the first of b. */
export const firsts = shuffle(0, 0)
/** The second of a and the second of b. */
export const seconds = shuffle(1, 1)

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
