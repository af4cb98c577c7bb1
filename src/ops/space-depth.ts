/**
 * What DepthToSpace and SpaceToDepth share: a reshape to six axes, a permutation, a reshape back.
 * @module
 */
import type { Shape } from '../onnx/ir.ts'
import { inversePermutation } from './axes.ts'
import { stridesOf } from './dims.ts'
import { copyStrided, movement } from './movement.ts'
import type { Operator, Site } from './operator.ts'

export interface Rearrangement {
  readonly split: Shape
  readonly permutation: readonly number[]
  readonly result: Shape
}

export function rearranging(of: (site: Site, dims: Shape) => Rearrangement): Omit<Operator, 'type'> {
  return {
    ...movement,
    shape: (site) => [{ type: site.input(0).type, dims: of(site, site.input(0).dims).result }],
    evaluate: (site, [x]) => {
      const { split, permutation, result } = of(site, x!.dims)
      const strides = stridesOf(split)
      const dims = permutation.map((axis) => split[axis])
      const steps = permutation.map((axis) => strides[axis])
      return [{ type: x!.type, dims: result, data: copyStrided(x!.data, dims, steps) }]
    },
    vjp: (site, b, [dy]) => {
      if (!dy) return [undefined]
      const { dims } = site.input(0)
      const { split, permutation } = of(site, dims)
      const permuted = permutation.map((axis) => split[axis])
      const back = b.node('Transpose', [b.node('Reshape', [dy, b.indices(permuted)])], {
        perm: inversePermutation(permutation),
      })
      return [b.node('Reshape', [back, b.indices(dims)])]
    },
  }
}
