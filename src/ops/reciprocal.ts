import { elementwise } from './elementwise.ts'
import { inverse, slopeUp, smallestOf } from './interval.ts'
import type { Operator } from './operator.ts'
import { roundUp } from './round-up.ts'
import { gradient } from './slope.ts'

/** y = 1 / x. */
export const Reciprocal: Operator = {
  type: 'Reciprocal',
  ...elementwise((x) => 1 / x),
  relativeError: (_, [error]) => (error! < 1 ? roundUp(error! / (1 - error!)) : Infinity),
  range: (_, [x]) => inverse(x!),
  slopes: (_, [x]) => {
    const least = smallestOf(x!)
    return least > 0 ? [slopeUp(1 / least / least)] : undefined
  },
  lipschitz: () => ({ kind: 'unbounded', because: 'the slope 1/x^2 grows without limit as x approaches 0' }),
  rounding: () => ({ kind: 'relative', ulps: 2 }),
  vjp: gradient((s) => s.b.node('Neg', [s.mul(s.dy, s.mul(s.y, s.y))])),
}
