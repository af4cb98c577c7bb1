import { elementwise } from './elementwise.ts'
import type { Operator } from './operator.ts'

/** The nearest integer, halves to the even one. */
export function roundHalfToEven(x: number): number {
  const below = Math.floor(x)
  const rest = x - below
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1
  return below % 2 === 0 ? below : below + 1
}

/** y = the nearest integer, halves to the even one. No gradient: its zero would hide the network from an attack. */
export const Round: Operator = {
  type: 'Round',
  opsets: [11, 25],
  ...elementwise((x) => (Number.isFinite(x) ? roundHalfToEven(x) : x)),
  lipschitz: () => ({ kind: 'unbounded', because: 'jumps by 1 between every two integers' }),
  rounding: () => ({ kind: 'exact' }),
}
