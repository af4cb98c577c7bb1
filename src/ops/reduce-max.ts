import type { Operator } from './operator.ts'
import { reduction, reductionOf, selectExtremum, symbolicReduction } from './reduce.ts'

const AXES_INPUT = 18

/** y = max over the axes. */
export const ReduceMax: Operator = {
  type: 'ReduceMax',
  ...reduction(AXES_INPUT, (group, type) => {
    let best = type === 'bool' ? 0 : Number.NEGATIVE_INFINITY
    for (let k = 0; k < group.length; k++) if (group[k]! > best || Number.isNaN(group[k]!)) best = group[k]!
    return best
  }),
  lipschitz: () => ({
    kind: 'constant',
    value: 1,
    because: '|max a - max b| <= max |a - b| <= ||a - b|| in each group, and the groups are disjoint',
  }),
  relativeError: (_, [error]) => error!,
  rounding: () => ({ kind: 'exact' }),
  symbolic: symbolicReduction(AXES_INPUT, (pool, group) => pool.max(group)),
  vjp: (site, b, [dy], [wanted]) => [
    wanted && dy !== undefined ? selectExtremum(site, b, dy, reductionOf(site, AXES_INPUT), 'max') : undefined,
  ],
}
