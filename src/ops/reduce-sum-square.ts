import type { Operator } from './operator.ts'
import {
  positiveSum,
  reduction,
  reductionOf,
  squaresAreNormal,
  sumOf,
  symbolicReduction,
  withKeptDims,
} from './reduce.ts'
import { roundUp } from './round-up.ts'

const AXES_INPUT = 18

/** y = sum of squares over the axes. */
export const ReduceSumSquare: Operator = {
  type: 'ReduceSumSquare',
  ...reduction(AXES_INPUT, (group) => sumOf(group, (value) => value * value)),
  lipschitz: () => ({
    kind: 'unbounded',
    because: 'the slope 2 ||x|| of a square grows with its input; followed by Sqrt it is a norm, which is bounded',
  }),
  relativeError: (_, [error]) => roundUp(error! * (2 + error!)),
  rounding: (site) => {
    const r = reductionOf(site, AXES_INPUT)
    return positiveSum(r.count, 1, squaresAreNormal(site, r) ? 0 : r.count * 2 ** -125)
  },
  symbolic: symbolicReduction(AXES_INPUT, (pool, group) =>
    pool.linear(
      group.map((id) => pool.multiply(id, id)),
      group.map(() => 1),
    ),
  ),
  vjp: (site, b, [dy], [wanted]) => {
    if (!wanted || dy === undefined) return [undefined]
    const twice = b.node('Mul', [dy, b.constant([2], [])])
    return [b.node('Mul', [site.input(0).name, withKeptDims(b, twice, reductionOf(site, AXES_INPUT))])]
  },
}
