import { elementwise, mapValues } from './elementwise.ts'
import type { Operator, Site } from './operator.ts'
import { gradient, rightOfZero } from './slope.ts'

const alphaOf = (site: Site) => site.float('alpha', Math.fround(0.01))

/** y = x for x >= 0, alpha x below. */
export const LeakyRelu: Operator = {
  type: 'LeakyRelu',
  ...elementwise((x) => x),
  evaluate: (site, [x]) => [mapValues(x!, (value) => (value < 0 ? alphaOf(site) * value : value))],
  lipschitz: (site) => ({
    kind: 'constant',
    value: Math.max(1, Math.abs(alphaOf(site))),
    because: 'the slope is 1 or alpha, and both pieces meet at 0',
  }),
  rounding: () => ({ kind: 'relative', ulps: 1 }),
  // max(x, alpha x) for alpha <= 1, min above.
  symbolic: (site, [x], pool) => {
    const alpha = alphaOf(site)
    if (!Number.isFinite(alpha)) return undefined
    const larger = (a: number, b: number) => (alpha <= 1 ? pool.max([a, b]) : pool.min([a, b]))
    return x && [{ dims: x.dims, ids: x.ids.map((id) => larger(id, pool.linear([id], [alpha]))) }]
  },
  vjp: gradient((s) => rightOfZero(s, s.mul(s.dy, s.scalar(alphaOf(s.site))))),
}
