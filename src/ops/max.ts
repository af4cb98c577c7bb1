import { extremum } from './extremum.ts'
import type { Operator } from './operator.ts'

/** y = max of all inputs, with broadcasting. */
export const Max: Operator = { type: 'Max', ...extremum(1) }
