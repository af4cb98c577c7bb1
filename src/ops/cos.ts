import { elementwise } from './elementwise.ts'
import type { Operator } from './operator.ts'
import { gradient } from './slope.ts'

/** y = cos(x). */
export const Cos: Operator = {
  type: 'Cos',
  ...elementwise(Math.cos),
  range: () => [-1, 1],
  lipschitz: () => ({ kind: 'constant', value: 1, because: 'the slope -sin(x) lies in [-1, 1]' }),
  // 16 ulps of the largest value, 1 (assumed of the runtime's table).
  rounding: () => ({ kind: 'absolute', error: 16 * 2 ** -24 }),
  vjp: gradient((s) => s.b.node('Neg', [s.mul(s.dy, s.b.node('Sin', [s.x]))])),
}
