import { normaliseAxis } from './axes.ts'
import { unsupported } from './invalid.ts'
import { linesOf, mapLines } from './lines.ts'
import type { Operator, Site } from './operator.ts'

/** y = x / |x|_p along an axis, p = 1 or 2; 0 where x = 0. */
export const LpNormalization: Operator = {
  type: 'LpNormalization',
  shape: (site) => {
    planOf(site)
    return [{ type: site.input(0).type, dims: site.input(0).dims }]
  },
  evaluate: (site, [x]) => {
    const { axis, p } = planOf(site)
    const data = mapLines(x!.data, linesOf(x!.dims, axis), (line) => {
      const norm = p === 1 ? line.reduce((sum, value) => sum + Math.abs(value), 0) : Math.hypot(...line)
      return norm === 0 ? line : line.map((value) => value / norm)
    })
    return [{ type: x!.type, dims: x!.dims, data }]
  },
  lipschitz: () => ({ kind: 'unbounded', because: 'x / |x| jumps at 0' }),
  rounding: (site) => {
    const { axis } = planOf(site)
    return { kind: 'relative', ulps: 1.01 * (site.input(0).dims[axis]! + 4), absolute: 2 ** -60 }
  },
  rows: (site) => (planOf(site).axis === 0 ? 'mixed' : 'rows'),
  // p = 2: (g - y <y, g>) / |x|; p = 1: (g - sign(x) <y, g>) / |x|_1.
  vjp: (site, b, [dy], [wanted]) => {
    if (!wanted || dy === undefined) return [undefined]
    const { axis, p } = planOf(site)
    const x = site.input(0).name
    const axes = b.indices([axis])
    const y = site.outputs[0]!.name
    const norm = b.node(p === 1 ? 'ReduceL1' : 'ReduceL2', [x, axes], { keepdims: 1 })
    const along = b.node('ReduceSum', [b.node('Mul', [dy, y]), axes], { keepdims: 1 })
    const direction = p === 1 ? b.node('Sign', [x]) : y
    const across = b.node('Sub', [dy, b.node('Mul', [direction, along])])
    return [b.node('Div', [across, b.node('Max', [norm, b.constant([1e-30], [])])])]
  },
}

function planOf(site: Site): { axis: number; p: number } {
  const p = site.int('p', 2)
  if (p !== 1 && p !== 2) throw unsupported(site, `has p = ${p}, which is not known`)
  return { axis: normaliseAxis(site, site.int('axis', -1), site.input(0).dims.length), p }
}
