import { additive } from './additive.ts'
import type { Operator } from './operator.ts'

/** y = a + b with broadcasting. IEEE addition is correctly rounded: one u of the sum. */
export const Add: Operator = { type: 'Add', ...additive(() => [1, 1]) }
