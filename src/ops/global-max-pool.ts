import { sizeOf } from './dims.ts'
import { maxima } from './maxima.ts'
import { zeros } from './movement.ts'
import type { Operator } from './operator.ts'
import { globalWindow } from './pool.ts'

/** The largest element of each map. */
export const GlobalMaxPool: Operator = {
  type: 'GlobalMaxPool',
  ...maxima(globalWindow),
  // The first largest element takes the whole gradient.
  vjp: (site, b, [dy]) => {
    if (!dy) return [undefined]
    const { name, dims } = site.input(0)
    const flat = [dims[0], dims[1], sizeOf(dims.slice(2))]
    const maps = b.node('Reshape', [name, b.indices(flat)])
    const winner = b.node('ArgMax', [maps], { axis: 2, keepdims: 1 })
    const values = b.node('Reshape', [dy, b.indices([dims[0], dims[1], 1])])
    const scattered = b.node('ScatterElements', [zeros(b, flat), winner, values], { axis: 2 })
    return [b.node('Reshape', [scattered, b.indices(dims)])]
  },
}
