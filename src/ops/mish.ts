import { elementwise } from './elementwise.ts'
import type { Operator } from './operator.ts'
import { gradient } from './slope.ts'
import { softplus } from './softplus.ts'

/** y = x tanh(softplus(x)). */
export const Mish: Operator = {
  type: 'Mish',
  opsets: [18, 25],
  ...elementwise((x) => (x === -Infinity ? 0 : x * Math.tanh(softplus(x)))),
  lipschitz: () => ({ kind: 'constant', value: 1.08849816134, because: 'largest slope of x tanh(softplus(x))' }),
  // tanh(softplus) errs by softplus's 40 u and tanh's 16 u at most (tables assumed), whatever x is.
  rounding: () => ({ kind: 'relative', ulps: 2, inputUlps: 60 }),
  // With t = tanh(softplus(x)): t + x (1 - t^2) sigmoid(x).
  vjp: gradient((s) => {
    const t = s.b.node('Tanh', [s.b.node('Softplus', [s.x])])
    const bell = s.b.node('Sub', [s.scalar(1), s.mul(t, t)])
    const slope = s.b.node('Add', [t, s.mul(s.mul(s.x, bell), s.b.node('Sigmoid', [s.x]))])
    return s.mul(s.dy, slope)
  }),
}
