import type { Shape } from '../onnx/ir.ts'
import { integersOf, normaliseAxis } from './axes.ts'
import { invalid } from './invalid.ts'
import { movement } from './movement.ts'
import type { Operator, Site } from './operator.ts'

/** Inserts axes of size 1 at the positions that they have in the output (an attribute before opset 13). */
export const Unsqueeze: Operator = {
  type: 'Unsqueeze',
  ...movement,
  shape: (site) => [{ type: site.input(0).type, dims: unsqueezed(site, site.input(0).dims) }],
  evaluate: (site, [x]) => [{ type: x!.type, dims: unsqueezed(site, x!.dims), data: x!.data }],
  vjp: (site, b, [dy]) => [dy && b.node('Reshape', [dy, b.indices(site.input(0).dims)])],
}

function unsqueezed(site: Site, dims: Shape): number[] {
  const listed = integersOf(site, 'axes', 1)
  if (!listed) throw invalid(site, 'has no axes')
  const rank = dims.length + listed.length
  const axes = new Set(listed.map((axis) => normaliseAxis(site, axis, rank)))
  if (axes.size !== listed.length) throw invalid(site, `names an axis twice in [${listed}]`)
  const rest = dims.values()
  return Array.from({ length: rank }, (_, axis) => (axes.has(axis) ? 1 : rest.next().value!))
}
