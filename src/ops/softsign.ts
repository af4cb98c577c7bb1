import { elementwise } from './elementwise.ts'
import type { Operator } from './operator.ts'
import { gradient } from './slope.ts'

/** y = x / (1 + |x|). */
export const Softsign: Operator = {
  type: 'Softsign',
  ...elementwise((x) => (Math.abs(x) === Infinity ? Math.sign(x) : x / (1 + Math.abs(x)))),
  lipschitz: () => ({ kind: 'constant', value: 1, because: 'the slope 1 / (1 + |x|)^2 is at most 1, at 0' }),
  // One sum, one division.
  rounding: () => ({ kind: 'relative', ulps: 3 }),
  vjp: gradient((s) => {
    const below = s.b.node('Add', [s.b.node('Abs', [s.x]), s.scalar(1)])
    return s.b.node('Div', [s.dy, s.mul(below, below)])
  }),
}
