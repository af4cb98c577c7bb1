import { constantIntegers } from './axes.ts'
import { broadcastDims, broadcastIndex, sumTo } from './broadcast.ts'
import { movement } from './movement.ts'
import type { Operator } from './operator.ts'

/** Broadcasts the input against a shape (a 1 in the shape leaves the input's size). */
export const Expand: Operator = {
  type: 'Expand',
  ...movement,
  shape: (site) => {
    const { type, dims } = site.input(0)
    return [{ type, dims: broadcastDims(site, [dims, constantIntegers(site, 1)]) }]
  },
  evaluate: (site, [x, shape]) => {
    const dims = broadcastDims(site, [x!.dims, Array.from(shape!.data)])
    const index = broadcastIndex(x!.dims, dims)
    return [{ type: x!.type, dims, data: Float64Array.from(index, (from) => x!.data[from]) }]
  },
  vjp: (site, b, [dy]) => [dy && sumTo(b, dy, site.outputs[0].dims, site.input(0).dims)],
}
