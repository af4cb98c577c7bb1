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

const AXES_INPUT = 18

/** y = sqrt(sum of squares over the axes). */
export const ReduceL2: Operator = {
  type: 'ReduceL2',
  ...reduction(AXES_INPUT, (group) => norm(group)),
  lipschitz: () => ({
    kind: 'constant',
    value: 1,
    because: '| ||a|| - ||b|| | <= ||a - b|| in each group (triangle inequality), and the groups are disjoint',
  }),
  relativeError: (_, [error]) => error!,
  // The square root halves the relative error of the sum. Squares may underflow: count * 2^-126 under the root.
  rounding: (site) => {
    const r = reductionOf(site, AXES_INPUT)
    return positiveSum(r.count / 2, 3, squaresAreNormal(site, r) ? 0 : Math.sqrt(r.count) * 2 ** -62)
  },
  symbolic: symbolicReduction(AXES_INPUT, (pool, group) =>
    pool.sqrt(
      pool.linear(
        group.map((id) => pool.multiply(id, id)),
        group.map(() => 1),
      ),
    ),
  ),
  // x g / max(y, tiny): 0 at x = 0, which is a subgradient.
  vjp: (site, b, [dy], [wanted]) => {
    if (!wanted || dy === undefined) return [undefined]
    const y = b.node('Max', [site.outputs[0]!.name, b.constant([1e-30], [])])
    const g = withKeptDims(b, b.node('Div', [dy, y]), reductionOf(site, AXES_INPUT))
    return [b.node('Mul', [site.input(0).name, g])]
  },
}

/** Scaled by the largest entry, so that squares neither overflow nor vanish. */
function norm(group: Float64Array): number {
  let scale = 0
  for (let k = 0; k < group.length; k++) scale = Math.max(scale, Math.abs(group[k]!))
  if (scale === 0 || !Number.isFinite(scale)) return scale
  return scale * Math.sqrt(sumOf(group, (value) => (value / scale) ** 2))
}
