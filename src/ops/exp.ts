import { elementwise } from './elementwise.ts'
import type { Operator } from './operator.ts'
import { gradient } from './slope.ts'

/** y = exp(x). */
export const Exp: Operator = {
  type: 'Exp',
  ...elementwise(Math.exp),
  lipschitz: () => ({ kind: 'unbounded', because: 'the slope of exp(x) grows without limit' }),
  // 16 ulps assumed of the runtime's table.
  rounding: () => ({ kind: 'relative', ulps: 16, absolute: 2 ** -125 }),
  vjp: gradient((s) => s.mul(s.dy, s.y)),
}
