import { elementwise } from './elementwise.ts'
import { increasing } from './interval.ts'
import type { Operator } from './operator.ts'
import { gradient } from './slope.ts'

/** 1 / (1 + exp(-x)), without overflow. */
export function sigmoid(x: number): number {
  const e = Math.exp(-Math.abs(x))
  return x < 0 ? e / (1 + e) : 1 / (1 + e)
}

/** y = 1 / (1 + exp(-x)). */
export const Sigmoid: Operator = {
  type: 'Sigmoid',
  ...elementwise(sigmoid),
  range: (_, [x]) => increasing(sigmoid, x!, [0, 1]),
  lipschitz: () => ({ kind: 'constant', value: 0.25, because: 'the slope y (1 - y) is at most 1/4, at 0' }),
  // 16 ulps of the largest value, 1 (assumed of the runtime's table).
  rounding: () => ({ kind: 'absolute', error: 16 * 2 ** -24 }),
  vjp: gradient((s) => s.mul(s.dy, s.mul(s.y, s.b.node('Sub', [s.scalar(1), s.y])))),
}
