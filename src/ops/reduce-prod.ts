import type { Operator } from './operator.ts'
import { positiveSum, reduction, reductionOf } from './reduce.ts'

const AXES_INPUT = 18

/** y = product over the axes. */
export const ReduceProd: Operator = {
  type: 'ReduceProd',
  ...reduction(AXES_INPUT, (group) => group.reduce((product, value) => product * value, 1)),
  lipschitz: () => ({ kind: 'unbounded', because: 'a product of inputs has slopes that grow with the other factors' }),
  // Products commit one relative error each; a partial product may underflow, which no bound of this kind covers.
  rounding: (site) =>
    site.inputs[0]?.constant
      ? positiveSum(reductionOf(site, AXES_INPUT).count)
      : { kind: 'unknown', because: 'a partial product may underflow' },
}
