import { elementwise } from './elementwise.ts'
import type { Operator } from './operator.ts'
import { gradient } from './slope.ts'

/** y = sin(x). */
export const Sin: Operator = {
  type: 'Sin',
  ...elementwise(Math.sin),
  range: () => [-1, 1],
  lipschitz: () => ({ kind: 'constant', value: 1, because: 'the slope cos(x) lies in [-1, 1]' }),
  // 16 ulps of the largest value, 1 (assumed of the runtime's table).
  rounding: () => ({ kind: 'absolute', error: 16 * 2 ** -24 }),
  vjp: gradient((s) => s.mul(s.dy, s.b.node('Cos', [s.x]))),
}
