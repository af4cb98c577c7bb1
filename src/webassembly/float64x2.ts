/** Vectors of two float64. */
import { binary, type Expression, get, type Local, memory, shuffle } from './assemble.ts'

/** The float64 at address + offset, twice. */
export const loadTwice = (address: Local, offset = 0): Expression => [...get(address), ...memory(0x0a, offset)]

export const add = binary(0xf0)
export const sub = binary(0xf1)
export const mul = binary(0xf2)
export const div = binary(0xf3)

/** The first of a and the first of b. */
export const firsts = (a: Expression, b: Expression): Expression =>
  shuffle(a, b, [...FIRST, ...FIRST.map((i) => i + 16)])
/** The second of a and the second of b. */
export const seconds = (a: Expression, b: Expression): Expression =>
  shuffle(a, b, [...FIRST.map((i) => i + 8), ...FIRST.map((i) => i + 24)])

const FIRST = [0, 1, 2, 3, 4, 5, 6, 7]
