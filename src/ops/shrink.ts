import { elementwise, mapValues } from './elementwise.ts'
import type { Operator, Site } from './operator.ts'
import { gradient } from './slope.ts'

const biasOf = (site: Site) => site.float('bias', 0)
const lambdaOf = (site: Site) => site.float('lambd', 0.5)

/** y = x + bias below -lambd, x - bias above lambd, 0 between. */
export const Shrink: Operator = {
  type: 'Shrink',
  opsets: [9, 25],
  ...elementwise((x) => x),
  evaluate: (site, [x]) => {
    const [bias, lambda] = [biasOf(site), lambdaOf(site)]
    return [mapValues(x!, (value) => (value < -lambda ? value + bias : value > lambda ? value - bias : 0))]
  },
  lipschitz: (site) =>
    biasOf(site) === lambdaOf(site) && biasOf(site) >= 0
      ? { kind: 'constant', value: 1, because: 'soft thresholding: the slope is 0 or 1, and the pieces meet' }
      : { kind: 'unbounded', because: 'jumps at lambd unless bias equals it' },
  rounding: () => ({ kind: 'relative', ulps: 1 }),
  vjp: gradient((s) => {
    const outside = s.b.node('Greater', [s.b.node('Abs', [s.x]), s.scalar(lambdaOf(s.site))])
    return s.b.node('Where', [outside, s.dy, s.scalar(0)])
  }),
}
