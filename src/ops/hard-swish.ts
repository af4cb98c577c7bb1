import { elementwise } from './elementwise.ts'
import type { Operator } from './operator.ts'
import { gradient } from './slope.ts'

/** y = x max(0, min(1, x / 6 + 1/2)). */
export const HardSwish: Operator = {
  type: 'HardSwish',
  ...elementwise((x) => x * Math.max(0, Math.min(1, x / 6 + 0.5))),
  lipschitz: () => ({
    kind: 'constant',
    value: 1.5,
    because: 'the slope x / 3 + 1/2 lies in [-1/2, 3/2] for |x| <= 3, and is 0 or 1 outside',
  }),
  // The factor errs by at most 4 u: 1/6 as float32, its product, the sum.
  rounding: () => ({ kind: 'relative', ulps: 2, inputUlps: 6 }),
  vjp: gradient((s) => {
    const middle = s.b.node('Add', [s.b.node('Div', [s.x, s.scalar(3)]), s.scalar(0.5)])
    const right = s.b.node('Where', [s.b.node('GreaterOrEqual', [s.x, s.scalar(3)]), s.scalar(1), middle])
    const slope = s.b.node('Where', [s.b.node('LessOrEqual', [s.x, s.scalar(-3)]), s.scalar(0), right])
    return s.mul(s.dy, slope)
  }),
}
