import type { Shape } from '../onnx/ir.ts'
import { integersOf, normaliseAxis, withoutAxes } from './axes.ts'
import { invalid } from './invalid.ts'
import { movement } from './movement.ts'
import type { Operator, Site } from './operator.ts'

/** Drops axes of size 1: those listed (an attribute before opset 13), or all of them. */
export const Squeeze: Operator = {
  type: 'Squeeze',
  ...movement,
  shape: (site) => [{ type: site.input(0).type, dims: squeezed(site, site.input(0).dims) }],
  evaluate: (site, [x]) => [{ type: x!.type, dims: squeezed(site, x!.dims), data: x!.data }],
  vjp: (site, b, [dy]) => [dy && b.node('Reshape', [dy, b.indices(site.input(0).dims)])],
}

function squeezed(site: Site, dims: Shape): number[] {
  const listed = integersOf(site, 'axes', 1)
  const ones = dims.flatMap((dim, axis) => (dim === 1 ? [axis] : []))
  const axes = listed?.map((axis) => normaliseAxis(site, axis, dims.length)) ?? ones
  if (axes.some((axis) => dims[axis] !== 1)) throw invalid(site, `cannot drop axes [${axes}] of [${dims}]`)
  return withoutAxes(dims, axes)
}
