import { elementwise } from './elementwise.ts'
import { EVERYWHERE, increasing, slopeUp } from './interval.ts'
import type { Operator } from './operator.ts'
import { gradient } from './slope.ts'

/** y = log(x), natural. */
export const Log: Operator = {
  type: 'Log',
  ...elementwise(Math.log),
  range: (_, [x]) => (x![0] > 0 ? increasing(Math.log, x!) : EVERYWHERE),
  slopes: (_, [x]) => (x![0] > 0 ? [slopeUp(1 / x![0])] : undefined),
  lipschitz: () => ({ kind: 'unbounded', because: 'the slope 1/x grows without limit as x approaches 0' }),
  // 16 ulps assumed of the runtime's table, relative to 1 near the zero at x = 1.
  rounding: () => ({ kind: 'relative', ulps: 16, absolute: 16 * 2 ** -24 }),
  vjp: gradient((s) => s.b.node('Div', [s.dy, s.x])),
}
