import { elementwise, mapValues } from './elementwise.ts'
import type { Operator, Site } from './operator.ts'
import { gradient, rightOfZero } from './slope.ts'

const alphaOf = (site: Site) => site.float('alpha', 1)

/** y = x for x >= 0, alpha (exp(x) - 1) below. */
export const Elu: Operator = {
  type: 'Elu',
  ...elementwise((x) => x),
  evaluate: (site, [x]) => [mapValues(x!, (value) => (value < 0 ? alphaOf(site) * Math.expm1(value) : value))],
  lipschitz: (site) => ({
    kind: 'constant',
    value: Math.max(1, Math.abs(alphaOf(site))),
    because: 'the slope is 1 above 0 and alpha exp(x), at most |alpha|, below; both pieces meet at 0',
  }),
  // exp (16 ulps of at most 1, assumed), the subtraction, the product.
  rounding: (site) => ({ kind: 'relative', ulps: 2, absolute: 18 * 2 ** -24 * Math.abs(alphaOf(site)) }),
  // alpha exp(x) = y + alpha below 0.
  vjp: gradient((s) => rightOfZero(s, s.mul(s.dy, s.b.node('Add', [s.y, s.scalar(alphaOf(s.site))])))),
}
