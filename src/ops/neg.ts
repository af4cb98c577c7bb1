import { elementwise } from './elementwise.ts'
import type { Operator } from './operator.ts'
import { closedForm, exact } from './rules.ts'

/** y = -x. */
export const Neg: Operator = {
  type: 'Neg',
  ...elementwise((x) => -x),
  relativeError: (_, [e]) => e,
  lipschitz: () => closedForm(1, '-x is an isometry'),
  rounding: () => exact,
  vjp: (_, b, [dy]) => [dy && b.node('Neg', [dy])],
  symbolic: (_, [x], pool) => [{ dims: x!.dims, ids: x!.ids.map((id) => pool.linear([id], [-1])) }],
}
