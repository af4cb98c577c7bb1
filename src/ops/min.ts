import { extremum } from './extremum.ts'
import type { Operator } from './operator.ts'

/** y = min of all inputs, with broadcasting. */
export const Min: Operator = { type: 'Min', ...extremum(-1) }
