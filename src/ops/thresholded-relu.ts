import { elementwise, mapValues } from './elementwise.ts'
import type { Operator, Site } from './operator.ts'
import { gradient } from './slope.ts'

const alphaOf = (site: Site) => site.float('alpha', 1)

/** y = x for x > alpha, else 0. */
export const ThresholdedRelu: Operator = {
  type: 'ThresholdedRelu',
  opsets: [10, 25],
  ...elementwise((x) => x),
  evaluate: (site, [x]) => [mapValues(x!, (value) => (value > alphaOf(site) ? value : 0))],
  lipschitz: (site) =>
    alphaOf(site) === 0
      ? { kind: 'constant', value: 1, because: 'with alpha = 0 it is max(x, 0)' }
      : { kind: 'unbounded', because: `jumps between 0 and alpha at x = ${alphaOf(site)}` },
  rounding: () => ({ kind: 'exact' }),
  vjp: gradient((s) => {
    return s.b.node('Where', [s.b.node('Greater', [s.x, s.scalar(alphaOf(s.site))]), s.dy, s.scalar(0)])
  }),
}
