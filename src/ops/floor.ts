import { elementwise } from './elementwise.ts'
import type { Operator } from './operator.ts'

/** y = floor(x). No gradient: its zero would hide the network from an attack. */
export const Floor: Operator = {
  type: 'Floor',
  ...elementwise(Math.floor),
  lipschitz: () => ({ kind: 'unbounded', because: 'jumps by 1 at every integer' }),
  rounding: () => ({ kind: 'exact' }),
}
