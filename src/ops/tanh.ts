import { elementwise } from './elementwise.ts'
import { increasing } from './interval.ts'
import type { Operator } from './operator.ts'
import { gradient } from './slope.ts'

/** y = tanh(x). */
export const Tanh: Operator = {
  type: 'Tanh',
  ...elementwise(Math.tanh),
  range: (_, [x]) => increasing(Math.tanh, x!, [-1, 1]),
  lipschitz: () => ({ kind: 'constant', value: 1, because: 'the slope 1 - y^2 is at most 1, at 0' }),
  // 16 ulps of the largest value, 1 (assumed of the runtime's table).
  rounding: () => ({ kind: 'absolute', error: 16 * 2 ** -24 }),
  vjp: gradient((s) => s.mul(s.dy, s.b.node('Sub', [s.scalar(1), s.mul(s.y, s.y)]))),
}
