import type { NdArray, Shape } from '../onnx/ir.ts'
import { constantIntegers } from './axes.ts'
import { sizeOf } from './dims.ts'
import { invalid } from './invalid.ts'
import { movement } from './movement.ts'
import type { Operator, Site } from './operator.ts'

/** The same elements in the same order under other dims: 0 keeps a dim (unless allowzero), -1 takes what is left. */
export const Reshape: Operator = {
  type: 'Reshape',
  ...movement,
  shape: (site) => [{ type: site.input(0).type, dims: targetOf(site, site.input(0).dims, constantIntegers(site, 1)) }],
  evaluate: (site, [x, shape]) => {
    const { type, dims, data } = x as NdArray
    return [{ type, dims: targetOf(site, dims, Array.from(shape!.data)), data }]
  },
  vjp: (site, b, [dy]) => [dy && b.node('Reshape', [dy, b.indices(site.input(0).dims)])],
}

function targetOf(site: Site, dims: Shape, wanted: readonly number[]): number[] {
  const keepsZero = site.int('allowzero', 0) === 1
  const target = wanted.map((dim, axis) => {
    if (dim !== 0 || keepsZero) return dim
    if (axis >= dims.length) throw invalid(site, `keeps dim ${axis} of a tensor of rank ${dims.length}`)
    return dims[axis]
  })
  const size = sizeOf(dims)
  const free = target.indexOf(-1)
  if (free >= 0) {
    const rest = target.reduce((product, dim, axis) => (axis === free ? product : product * dim), 1)
    target[free] = rest === 0 ? 0 : size / rest
  }
  if (target.some((dim) => !Number.isInteger(dim) || dim < 0) || sizeOf(target) !== size)
    throw invalid(site, `cannot reshape [${dims}] to [${wanted}]`)
  return target
}
