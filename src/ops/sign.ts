import { elementwise } from './elementwise.ts'
import type { Operator } from './operator.ts'

/** y = -1, 0 or 1. */
export const Sign: Operator = {
  type: 'Sign',
  ...elementwise(Math.sign),
  lipschitz: () => ({
    kind: 'unbounded',
    because: 'the sign jumps at 0; times |x| it is the identity, which is bounded',
  }),
  rounding: () => ({ kind: 'exact' }),
  symbolic: (_, [x], pool) => x && [{ dims: x.dims, ids: x.ids.map((id) => pool.sign(id)) }],
  // Constant on both sides of the jump: no gradient.
  vjp: () => [undefined],
}
