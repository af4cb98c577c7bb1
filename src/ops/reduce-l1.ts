import type { Operator } from './operator.ts'
import { positiveSum, reduction, reductionOf, sumOf, symbolicReduction, withKeptDims } from './reduce.ts'
import { sqrtUp } from './round-up.ts'

const AXES_INPUT = 18

/** y = sum of absolute values over the axes. */
export const ReduceL1: Operator = {
  type: 'ReduceL1',
  ...reduction(AXES_INPUT, (group) => sumOf(group, Math.abs)),
  lipschitz: (site) => {
    const { count } = reductionOf(site, AXES_INPUT)
    const because = `| |a|_1 - |b|_1 | <= |a - b|_1 <= sqrt(${count}) ||a - b|| in each group of ${count}`
    return { kind: 'constant', value: sqrtUp(count), because }
  },
  relativeError: (_, [error]) => error!,
  rounding: (site) => positiveSum(reductionOf(site, AXES_INPUT).count),
  symbolic: symbolicReduction(AXES_INPUT, (pool, group) =>
    pool.linear(
      group.map((id) => pool.abs(id)),
      group.map(() => 1),
    ),
  ),
  vjp: (site, b, [dy], [wanted]) => {
    if (!wanted || dy === undefined) return [undefined]
    const g = withKeptDims(b, dy, reductionOf(site, AXES_INPUT))
    const positive = b.node('GreaterOrEqual', [site.input(0).name, b.constant([0], [])])
    return [b.node('Where', [positive, g, b.node('Neg', [g])])]
  },
}
