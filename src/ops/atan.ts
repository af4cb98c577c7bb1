import { elementwise } from './elementwise.ts'
import type { Operator } from './operator.ts'
import { gradient } from './slope.ts'

/** y = arctan(x). */
export const Atan: Operator = {
  type: 'Atan',
  ...elementwise(Math.atan),
  lipschitz: () => ({ kind: 'constant', value: 1, because: 'the slope 1 / (1 + x^2) is at most 1, at 0' }),
  // 16 ulps assumed of the runtime's table.
  rounding: () => ({ kind: 'absolute', error: 32 * 2 ** -24 }),
  vjp: gradient((s) => s.b.node('Div', [s.dy, s.b.node('Add', [s.mul(s.x, s.x), s.scalar(1)])])),
}
