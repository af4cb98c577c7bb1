import { predicate } from './decision.ts'
import type { Operator } from './operator.ts'

/** y = x is not a number. */
export const IsNaN: Operator = { ...predicate('IsNaN', Number.isNaN), opsets: [9, 25] }
