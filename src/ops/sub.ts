import { additive } from './additive.ts'
import type { Operator } from './operator.ts'

/** y = a - b with broadcasting. */
export const Sub: Operator = { type: 'Sub', ...additive(() => [1, -1]) }
