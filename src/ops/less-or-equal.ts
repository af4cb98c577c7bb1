import { comparison } from './decision.ts'
import type { Operator } from './operator.ts'

/** y = a <= b. */
export const LessOrEqual: Operator = { ...comparison('LessOrEqual', (a, b) => a <= b, -1), opsets: [12, 25] }
