import { elementwise } from './elementwise.ts'
import { increasing } from './interval.ts'
import type { Operator } from './operator.ts'
import { gradient } from './slope.ts'

/** log(1 + exp(x)), without overflow. */
export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
}

/** y = log(1 + exp(x)). */
export const Softplus: Operator = {
  type: 'Softplus',
  ...elementwise(softplus),
  range: (_, [x]) => increasing(softplus, x!, [0, Number.POSITIVE_INFINITY]),
  lipschitz: () => ({ kind: 'constant', value: 1, because: 'the slope is a sigmoid, below 1 everywhere' }),
  // y = max(x, 0) + log(1 + e), e <= 1: half of exp's 16 u, the sum, 16 u log 2, and the last sum (tables assumed).
  rounding: () => ({ kind: 'relative', ulps: 2, absolute: 24 * 2 ** -24 }),
  vjp: gradient((s) => s.mul(s.dy, s.b.node('Sigmoid', [s.x]))),
}
