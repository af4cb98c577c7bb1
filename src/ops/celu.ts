import { elementwise, mapValues } from './elementwise.ts'
import type { Operator, Site } from './operator.ts'
import { gradient, rightOfZero } from './slope.ts'

const alphaOf = (site: Site) => site.float('alpha', 1)

/** y = max(0, x) + min(0, alpha (exp(x / alpha) - 1)). */
export const Celu: Operator = {
  type: 'Celu',
  ...elementwise((x) => x),
  evaluate: (site, [x]) => {
    const alpha = alphaOf(site)
    return [mapValues(x!, (value) => Math.max(0, value) + Math.min(0, alpha * Math.expm1(value / alpha)))]
  },
  lipschitz: (site) =>
    alphaOf(site) > 0
      ? { kind: 'constant', value: 1, because: 'the slope is 1 above 0 and exp(x / alpha), at most 1, below' }
      : { kind: 'unbounded', because: 'with alpha <= 0 the exponential grows without limit' },
  // The quotient's error is damped as in Softmax: t exp(-t) <= 1/e. exp is assumed good to 16 ulps.
  rounding: (site) => ({ kind: 'relative', ulps: 2, absolute: 20 * 2 ** -24 * Math.abs(alphaOf(site)) }),
  // exp(x / alpha) = y / alpha + 1 below 0.
  vjp: gradient((s) => {
    const exponential = s.b.node('Add', [s.b.node('Div', [s.y, s.scalar(alphaOf(s.site))]), s.scalar(1)])
    return rightOfZero(s, s.mul(s.dy, exponential))
  }),
}
