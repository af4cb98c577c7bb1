import { elementwise, mapValues } from './elementwise.ts'
import type { Operator, Site } from './operator.ts'
import { sigmoid } from './sigmoid.ts'
import { gradient } from './slope.ts'

const alphaOf = (site: Site) => site.float('alpha', 1)

/** y = x sigmoid(alpha x). */
export const Swish: Operator = {
  type: 'Swish',
  opsets: [24, 25],
  ...elementwise((x) => x),
  evaluate: (site, [x]) => [mapValues(x!, (value) => (value === 0 ? 0 : value * sigmoid(alphaOf(site) * value)))],
  lipschitz: () => ({
    kind: 'constant',
    value: 1.0998393202,
    because: 'the slope is h(alpha x) with h(t) = s(t) + t s(t) (1 - s(t)), which lies in [-0.0999, 1.0998393202]',
  }),
  // The sigmoid errs by 16 u (assumed) and by t s(1 - s) <= 0.23 of the rounding of alpha x, whatever x is.
  rounding: () => ({ kind: 'relative', ulps: 2, inputUlps: 18 }),
  vjp: gradient((s) => {
    const t = s.mul(s.x, s.scalar(alphaOf(s.site)))
    const level = s.b.node('Sigmoid', [t])
    const bell = s.mul(t, s.mul(level, s.b.node('Sub', [s.scalar(1), level])))
    return s.mul(s.dy, s.b.node('Add', [level, bell]))
  }),
}
