import { elementwise, mapValues } from './elementwise.ts'
import type { Operator, Site } from './operator.ts'
import { gradient } from './slope.ts'

const alphaOf = (site: Site) => site.float('alpha', Math.fround(0.2))
const betaOf = (site: Site) => site.float('beta', 0.5)

/** y = max(0, min(1, alpha x + beta)). */
export const HardSigmoid: Operator = {
  type: 'HardSigmoid',
  ...elementwise((x) => x),
  evaluate: (site, [x]) => [mapValues(x!, (value) => Math.max(0, Math.min(1, alphaOf(site) * value + betaOf(site))))],
  lipschitz: (site) => ({
    kind: 'constant',
    value: Math.abs(alphaOf(site)),
    because: 'the slope is alpha between the two limits and 0 outside',
  }),
  // Where the limits do not decide, |alpha x| <= 1 + |beta|: one product and one sum.
  rounding: (site) => ({ kind: 'absolute', error: 4 * 2 ** -24 * (1 + 2 * Math.abs(betaOf(site))) }),
  symbolic: (site, [x], pool) => {
    if (!Number.isFinite(alphaOf(site) + betaOf(site))) return undefined
    const [zero, one] = [pool.constant(0), pool.constant(1)]
    const line = (id: number) => pool.linear([id, one], [alphaOf(site), betaOf(site)])
    return x && [{ dims: x.dims, ids: x.ids.map((id) => pool.max([zero, pool.min([one, line(id)])])) }]
  },
  vjp: gradient((s) => {
    const inside = s.b.node('And', [s.b.node('Greater', [s.y, s.scalar(0)]), s.b.node('Less', [s.y, s.scalar(1)])])
    return s.b.node('Where', [inside, s.mul(s.dy, s.scalar(alphaOf(s.site))), s.scalar(0)])
  }),
}
