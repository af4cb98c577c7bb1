import { sizeOf } from './dims.ts'
import type { Operator } from './operator.ts'
import { constant, exact } from './rules.ts'

/** The number of elements: a constant at fixed sizes. */
export const Size: Operator = {
  type: 'Size',
  shapeOnly: true,
  shape: () => [{ type: 'int64', dims: [] }],
  evaluate: (_, [x]) => [{ type: 'int64', dims: [], data: Float64Array.of(sizeOf(x!.dims)) }],
  lipschitz: () => constant(0, 'sizes are fixed'),
  rounding: () => exact,
  rows: () => 'mixed',
}
