import { constantIntegers } from './axes.ts'
import { expressions } from './broadcast.ts'
import { unsupported } from './invalid.ts'
import type { Operator, Site } from './operator.ts'

/** Keeps the upper (lower) triangle of the last two axes, from diagonal k on; zeros elsewhere. */
export const Trilu: Operator = {
  type: 'Trilu',
  opsets: [14, 25],
  shape: (site) => {
    diagonal(site)
    return [{ type: site.input(0).type, dims: site.input(0).dims }]
  },
  evaluate: (site, [x]) => {
    const keeps = mask(site)
    return [{ type: x!.type, dims: x!.dims, data: x!.data.map((value, i) => (keeps(i) ? value : 0)) }]
  },
  lipschitz: () => ({ kind: 'move' }),
  rounding: () => ({ kind: 'exact' }),
  rows: (site) => (site.input(0).dims.length > 2 ? 'rows' : 'mixed'),
  // The zeros are values, not elements of the input.
  symbolic: (site, inputs, pool) => {
    const x = expressions(site, inputs, 0, pool)
    const keeps = mask(site)
    const zero = pool.constant(0)
    return x && [{ dims: x.dims, ids: x.ids.map((id, i) => (keeps(i) ? id : zero)) }]
  },
  vjp: (site, b, [dy], [wanted]) => {
    if (!wanted || dy === undefined) return [undefined]
    const attributes = { upper: site.int('upper', 1) }
    return [b.node('Trilu', [dy, b.indices([diagonal(site)], [])], attributes), undefined]
  },
}

function diagonal(site: Site): number {
  if (site.input(0).dims.length < 2) throw unsupported(site, 'is applied to a vector')
  return site.inputs[1] ? (constantIntegers(site, 1)[0] ?? 0) : 0
}

/** Whether the element at a row-major position is kept. */
function mask(site: Site): (position: number) => boolean {
  const { dims } = site.input(0)
  const [rows, columns] = [dims.at(-2)!, dims.at(-1)!]
  const k = diagonal(site)
  const upper = site.int('upper', 1) === 1
  return (position) => {
    const column = position % columns
    const row = Math.floor(position / columns) % rows
    return upper ? column >= row + k : column <= row + k
  }
}
