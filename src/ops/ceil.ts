import { elementwise } from './elementwise.ts'
import type { Operator } from './operator.ts'

/** y = ceil(x). No gradient: its zero would hide the network from an attack. */
export const Ceil: Operator = {
  type: 'Ceil',
  ...elementwise(Math.ceil),
  lipschitz: () => ({ kind: 'unbounded', because: 'jumps by 1 at every integer' }),
  rounding: () => ({ kind: 'exact' }),
}
