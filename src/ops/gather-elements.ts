import { normaliseAxis } from './axes.ts'
import { stridesOf } from './dims.ts'
import { invalid } from './invalid.ts'
import { movement, zeros } from './movement.ts'
import type { Operator, Site } from './operator.ts'
import { move, unbounded } from './rules.ts'

/** y[i, j, …] = x[i, indices[i, j, …], …]: the index replaces the coordinate of one axis (0 by default). */
export const GatherElements: Operator = {
  type: 'GatherElements',
  ...movement,
  shape: (site) => [{ type: site.input(0).type, dims: site.input(1).dims }],
  evaluate: (site, [x, indices]) => {
    const axis = axisOf(site)
    const dim = x!.dims[axis]
    const strides = stridesOf(x!.dims)
    const dims = indices!.dims
    const data = new Float64Array(indices!.data.length)
    const counter = new Int32Array(dims.length)
    for (let i = 0; i < data.length; i++) {
      const index = indices!.data[i]
      const position = index < 0 ? index + dim : index
      if (!(position >= 0 && position < dim)) throw invalid(site, `reads position ${index} of an axis of ${dim}`)
      let from = 0
      for (let k = 0; k < dims.length; k++) from += (k === axis ? position : counter[k]) * strides[k]
      data[i] = x!.data[from]
      for (let k = dims.length - 1; k >= 0 && ++counter[k] === dims[k]; k--) counter[k] = 0
    }
    return [{ type: x!.type, dims, data }]
  },
  lipschitz: (site) =>
    site.constant(1) ? move : unbounded('the positions that it reads depend on the input, so it jumps'),
  vjp: (site, b, [dy], [wanted]) => {
    if (!dy || !wanted) return [undefined, undefined]
    const { dims } = site.input(0)
    const scatter = { axis: axisOf(site), reduction: 'add' }
    return [b.node('ScatterElements', [zeros(b, dims), site.input(1).name, dy], scatter), undefined]
  },
}

function axisOf(site: Site): number {
  return normaliseAxis(site, site.int('axis', 0), site.input(0).dims.length)
}
