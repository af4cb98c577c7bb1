import { elementwise } from './elementwise.ts'
import { erf } from './error-function.ts'
import type { Operator } from './operator.ts'
import { roundUp } from './round-up.ts'
import { gradient } from './slope.ts'

/** 2 / sqrt(pi), the slope at 0. */
const SLOPE = 2 / Math.sqrt(Math.PI)

/** y = erf(x). */
export const Erf: Operator = {
  type: 'Erf',
  opsets: [9, 25],
  ...elementwise(erf),
  lipschitz: () => ({
    kind: 'constant',
    value: roundUp(roundUp(SLOPE)),
    because: 'the slope 2 / sqrt(pi) exp(-x^2) is largest at 0',
  }),
  // 16 ulps of the largest value, 1 (assumed of the runtime's table).
  rounding: () => ({ kind: 'absolute', error: 16 * 2 ** -24 }),
  vjp: gradient((s) => {
    const bell = s.b.node('Exp', [s.b.node('Neg', [s.mul(s.x, s.x)])])
    return s.mul(s.dy, s.mul(bell, s.scalar(SLOPE)))
  }),
}
