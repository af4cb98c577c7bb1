import { additive } from './additive.ts'
import type { Operator } from './operator.ts'

/** y = sum of all inputs, with broadcasting from opset 8. */
export const Sum: Operator = { type: 'Sum', ...additive((site) => site.inputs.map(() => 1)) }
