import { elementwise } from './elementwise.ts'
import type { Operator } from './operator.ts'

/** y = max(x, 0). */
export const Relu: Operator = {
  type: 'Relu',
  ...elementwise((x) => (x > 0 ? x : 0)),
  lipschitz: () => ({ kind: 'constant', value: 1, because: 'max(x, 0) has slope 0 or 1 everywhere' }),
  rounding: () => ({ kind: 'exact' }),
  symbolic: (_, [x], pool) => {
    const zero = pool.constant(0)
    return [{ dims: x!.dims, ids: x!.ids.map((id) => pool.max([id, zero])) }]
  },
  // At the kink the slope is 0: one side, never a mixture.
  vjp: ({ inputs }, b, [dy]) => [
    b.node('Where', [b.node('Greater', [inputs[0]!.name, b.constant([0])]), dy!, b.constant([0])]),
  ],
}
