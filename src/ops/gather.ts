import type { NdArray, Shape } from '../onnx/ir.ts'
import { normaliseAxis } from './axes.ts'
import { invalid, unsupported } from './invalid.ts'
import { copyMapped, movement, wholeAxis } from './movement.ts'
import type { Operator, Site } from './operator.ts'
import { move, unbounded } from './rules.ts'
import { scatterAlong } from './scatter-along.ts'

/** Takes the entries `indices` along one axis (0 by default). */
export const Gather: Operator = {
  type: 'Gather',
  ...movement,
  shape: (site) => {
    const { type, dims } = site.input(0)
    return [{ type, dims: gathered(dims, axisOf(site, dims), site.input(1).dims) }]
  },
  evaluate: (site, [x, indices]) => {
    const axis = axisOf(site, x!.dims)
    const maps = x!.dims.map((dim, k) => (k === axis ? mapOf(site, indices!, dim) : wholeAxis(dim)))
    return [{ type: x!.type, dims: gathered(x!.dims, axis, indices!.dims), data: copyMapped(x!.data, x!.dims, maps) }]
  },
  lipschitz: (site) =>
    site.constant(1) ? move : unbounded('the positions that it reads depend on the input, so it jumps'),
  vjp: (site, b, [dy], [wanted]) => {
    if (!dy || !wanted) return [undefined, undefined]
    const indices = site.constant(1)
    if (!indices) throw unsupported(site, 'reads positions that depend on the input: its gradient is not known here')
    const { dims } = site.input(0)
    const axis = axisOf(site, dims)
    const map = mapOf(site, indices, dims[axis])
    const flat = dims.with(axis, map.length)
    const value = indices.dims.length === 1 ? dy : b.node('Reshape', [dy, b.indices(flat)])
    return [scatterAlong(b, value, flat, axis, map, dims[axis]), undefined]
  },
}

function axisOf(site: Site, dims: Shape): number {
  return normaliseAxis(site, site.int('axis', 0), dims.length)
}

function gathered(dims: Shape, axis: number, indices: Shape): number[] {
  return [...dims.slice(0, axis), ...indices, ...dims.slice(axis + 1)]
}

function mapOf(site: Site, indices: NdArray, dim: number): Int32Array {
  return Int32Array.from(indices.data, (index) => {
    const position = index < 0 ? index + dim : index
    if (!(position >= 0 && position < dim)) throw invalid(site, `reads position ${index} of an axis of ${dim}`)
    return position
  })
}
