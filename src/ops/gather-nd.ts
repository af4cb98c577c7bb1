import { sizeOf } from './dims.ts'
import { unsupported } from './invalid.ts'
import { zeros } from './movement.ts'
import { sliceDims, slicesOf } from './nd-indices.ts'
import type { Operator, Site } from './operator.ts'
import { exact, move, unbounded } from './rules.ts'

const batchOf = (site: Site) => (site.opset < 12 ? 0 : site.int('batch_dims', 0))

/** Takes the slices of the data that index tuples address. */
export const GatherND: Operator = {
  type: 'GatherND',
  opsets: [11, 25],
  shape: (site) => {
    const { type, dims } = site.input(0)
    return [{ type, dims: sliceDims(site, dims, site.input(1).dims, batchOf(site)) }]
  },
  evaluate: (site, [x, indices]) => {
    const { starts, size } = slicesOf(site, x!.dims, indices!, batchOf(site))
    const data = new Float64Array(starts.length * size)
    starts.forEach((start, t) => {
      data.set(x!.data.subarray(start, start + size), t * size)
    })
    return [{ type: x!.type, dims: sliceDims(site, x!.dims, indices!.dims, batchOf(site)), data }]
  },
  lipschitz: (site) =>
    site.constant(1) ? move : unbounded('the positions that it reads depend on the input, so it jumps'),
  rounding: () => exact,
  // Which rows meet is decided on the index maps; with positions from the data, only batch axes keep them apart.
  rows: (site) => (site.constant(1) || batchOf(site) > 0 ? 'rows' : 'mixed'),
  vjp: (site, b, [dy], [wanted]) => {
    if (!wanted || dy === undefined) return [undefined, undefined]
    const { dims } = site.input(0)
    const indices = site.constant(1)
    if (indices) {
      // Element by element on the flattened data, whatever the batch axes.
      const { starts, size } = slicesOf(site, dims, indices, batchOf(site))
      const positions = Array.from(
        { length: starts.length * size },
        (_, i) => starts[Math.floor(i / size)]! + (i % size),
      )
      const total = sizeOf(dims)
      const flat = b.node('Reshape', [dy, b.indices([positions.length])])
      const sum = b.node('ScatterElements', [zeros(b, [total]), b.indices(positions), flat], {
        axis: 0,
        reduction: 'add',
      })
      return [b.node('Reshape', [sum, b.indices(dims)]), undefined]
    }
    if (batchOf(site) > 0)
      throw unsupported(site, 'reads positions from the data in batches: its gradient is not known here')
    return [b.node('ScatterND', [zeros(b, dims), site.input(1).name, dy], { reduction: 'add' }), undefined]
  },
}
