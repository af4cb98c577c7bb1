import { elementwise, mapValues } from './elementwise.ts'
import type { Operator, Site } from './operator.ts'
import { roundUp } from './round-up.ts'
import { gradient } from './slope.ts'

// The specification's defaults, as the float32 numbers that it writes out in full.
const alphaOf = (site: Site) => site.float('alpha', 1.6732631921768188)
const gammaOf = (site: Site) => site.float('gamma', 1.0507010221481323)

/** y = gamma x for x > 0, gamma alpha (exp(x) - 1) below. */
export const Selu: Operator = {
  type: 'Selu',
  ...elementwise((x) => x),
  evaluate: (site, [x]) => {
    const [alpha, gamma] = [alphaOf(site), gammaOf(site)]
    return [mapValues(x!, (value) => (value > 0 ? gamma * value : gamma * alpha * Math.expm1(value)))]
  },
  lipschitz: (site) => ({
    kind: 'constant',
    value: roundUp(Math.abs(gammaOf(site)) * Math.max(1, Math.abs(alphaOf(site)))),
    because: 'the slope is gamma above 0 and gamma alpha exp(x) below; both pieces meet at 0',
  }),
  // exp (16 ulps of at most 1, assumed), the subtraction, two products.
  rounding: (site) => ({
    kind: 'relative',
    ulps: 3,
    absolute: 20 * 2 ** -24 * Math.abs(alphaOf(site) * gammaOf(site)),
  }),
  // gamma alpha exp(x) = y + gamma alpha below 0.
  vjp: gradient((s) => {
    const [alpha, gamma] = [alphaOf(s.site), gammaOf(s.site)]
    const below = s.b.node('Add', [s.y, s.scalar(alpha * gamma)])
    const slope = s.b.node('Where', [s.b.node('Greater', [s.x, s.scalar(0)]), s.scalar(gamma), below])
    return s.mul(s.dy, slope)
  }),
}
