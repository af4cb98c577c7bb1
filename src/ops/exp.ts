import { elementwise } from './elementwise.ts'
import { increasing, slopeUp } from './interval.ts'
import type { Operator } from './operator.ts'
import { roundUp } from './round-up.ts'
import { gradient } from './slope.ts'

/** y = exp(x). */
export const Exp: Operator = {
  type: 'Exp',
  ...elementwise(Math.exp),
  range: (_, [x]) => increasing(Math.exp, x!, [0, Number.POSITIVE_INFINITY]),
  slopes: (_, [x]) => [slopeUp(Math.exp(x![1]))],
  // exp(x (1 + e)) / exp(x) = exp(x e).
  relativeError: (site, [error]) => {
    const largest = site.constant(0)?.data.reduce((most, x) => Math.max(most, Math.abs(x)), 0) ?? Infinity
    return roundUp(Math.expm1(largest * error!)) * (1 + 2 ** -40)
  },
  lipschitz: () => ({ kind: 'unbounded', because: 'the slope of exp(x) grows without limit' }),
  // 16 ulps assumed of the runtime's table.
  rounding: () => ({ kind: 'relative', ulps: 16, absolute: 2 ** -125 }),
  vjp: gradient((s) => s.mul(s.dy, s.y)),
}
