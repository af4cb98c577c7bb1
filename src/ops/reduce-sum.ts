import type { Operator } from './operator.ts'
import { expandToInput, reduction, reductionOf, sumOf, symbolicReduction } from './reduce.ts'
import { sqrtUp } from './round-up.ts'

const AXES_INPUT = 13

/** y = sum over the axes. */
export const ReduceSum: Operator = {
  type: 'ReduceSum',
  ...reduction(AXES_INPUT, (group) => sumOf(group)),
  lipschitz: (site) => {
    const { count } = reductionOf(site, AXES_INPUT)
    const because = `the sum of ${count} entries is their inner product with ones, of norm sqrt(${count})`
    return { kind: 'affine', structure: { kind: 'closed-form', norm: sqrtUp(count), because } }
  },
  magnitudes: (site, inputs) => ReduceSum.evaluate(site, inputs),
  rounding: (site) => ({ kind: 'dot', terms: reductionOf(site, AXES_INPUT).count }),
  symbolic: symbolicReduction(AXES_INPUT, (pool, group) =>
    pool.linear(
      group,
      group.map(() => 1),
    ),
  ),
  vjp: (site, b, [dy], [wanted]) => [
    wanted && dy !== undefined ? expandToInput(b, dy, reductionOf(site, AXES_INPUT)) : undefined,
  ],
}
