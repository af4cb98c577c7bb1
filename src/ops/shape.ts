import type { Shape as Dims } from '../onnx/ir.ts'
import type { Operator, Site } from './operator.ts'
import { constant, exact } from './rules.ts'

/** The dims of the input as an int64 vector (from `start` to `end` from opset 15): a constant at fixed sizes. */
export const Shape: Operator = {
  type: 'Shape',
  shapeOnly: true,
  shape: (site) => [{ type: 'int64', dims: [part(site, site.input(0).dims).length] }],
  evaluate: (site, [x]) => {
    const data = Float64Array.from(part(site, x!.dims))
    return [{ type: 'int64', dims: [data.length], data }]
  },
  lipschitz: () => constant(0, 'sizes are fixed'),
  rounding: () => exact,
  rows: () => 'mixed',
}

function part(site: Site, dims: Dims): Dims {
  const bound = (value: number) => Math.min(Math.max(value < 0 ? value + dims.length : value, 0), dims.length)
  return dims.slice(bound(site.int('start', 0)), bound(site.int('end', dims.length)))
}
