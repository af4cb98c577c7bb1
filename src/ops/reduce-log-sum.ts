import type { Operator } from './operator.ts'
import { reduction } from './reduce.ts'

/** y = log(sum over the axes). */
export const ReduceLogSum: Operator = {
  type: 'ReduceLogSum',
  ...reduction(18, (group) => Math.log(group.reduce((sum, value) => sum + value, 0))),
  lipschitz: () => ({ kind: 'unbounded', because: 'the slope of log(s) grows without limit as s approaches 0' }),
  rounding: () => ({ kind: 'unknown', because: 'the logarithm magnifies the rounding of a sum near 1' }),
}
