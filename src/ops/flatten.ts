import type { Shape } from '../onnx/ir.ts'
import { sizeOf } from './dims.ts'
import { invalid } from './invalid.ts'
import { movement } from './movement.ts'
import type { Operator, Site } from './operator.ts'

/** A matrix: the dims before `axis` (default 1, negative from opset 11) by the rest. */
export const Flatten: Operator = {
  type: 'Flatten',
  ...movement,
  shape: (site) => [{ type: site.input(0).type, dims: flat(site, site.input(0).dims) }],
  evaluate: (site, [x]) => [{ type: x!.type, dims: flat(site, x!.dims), data: x!.data }],
  vjp: (site, b, [dy]) => [dy && b.node('Reshape', [dy, b.indices(site.input(0).dims)])],
}

function flat(site: Site, dims: Shape): number[] {
  const axis = site.int('axis', 1)
  const split = axis < 0 ? axis + dims.length : axis
  if (split < 0 || split > dims.length) throw invalid(site, `has axis ${axis} for a tensor of rank ${dims.length}`)
  return [sizeOf(dims.slice(0, split)), sizeOf(dims.slice(split))]
}
