import { unsupported } from './invalid.ts'
import type { Operator } from './operator.ts'

/** The positions of elements that are not zero, one column each; the shape depends on the values. */
export const NonZero: Operator = {
  type: 'NonZero',
  opsets: [9, 25],
  shape: (site) => {
    const x = site.constant(0)
    if (!x) throw unsupported(site, 'has an output whose shape depends on the data')
    return [{ type: 'int64', dims: [x.dims.length, x.data.filter((value) => value !== 0).length] }]
  },
  evaluate: (_, [x]) => {
    const found = Array.from(x!.data.keys()).filter((i) => x!.data[i] !== 0)
    const data = new Float64Array(x!.dims.length * found.length)
    found.forEach((position, column) => {
      let rest = position
      for (let axis = x!.dims.length - 1; axis >= 0; axis--) {
        data[axis * found.length + column] = rest % x!.dims[axis]!
        rest = Math.floor(rest / x!.dims[axis]!)
      }
    })
    return [{ type: 'int64', dims: [x!.dims.length, found.length], data }]
  },
  lipschitz: () => ({ kind: 'unbounded', because: 'the shape of its output depends on the data' }),
  rounding: () => ({ kind: 'exact' }),
  rows: () => 'mixed',
}
