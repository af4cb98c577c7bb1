import { inversePermutation } from './axes.ts'
import { stridesOf } from './dims.ts'
import { invalid } from './invalid.ts'
import { copyStrided, movement } from './movement.ts'
import type { Operator, Site } from './operator.ts'

/** Axis k of the output is axis perm[k] of the input; by default the axes are reversed. */
export const Transpose: Operator = {
  type: 'Transpose',
  ...movement,
  shape: (site) => {
    const { type, dims } = site.input(0)
    return [{ type, dims: permutationOf(site, dims.length).map((axis) => dims[axis]) }]
  },
  evaluate: (site, [x]) => {
    const perm = permutationOf(site, x!.dims.length)
    const strides = stridesOf(x!.dims)
    const dims = perm.map((axis) => x!.dims[axis])
    return [
      {
        type: x!.type,
        dims,
        data: copyStrided(
          x!.data,
          dims,
          perm.map((axis) => strides[axis]),
        ),
      },
    ]
  },
  vjp: (site, b, [dy]) => {
    const perm = permutationOf(site, site.input(0).dims.length)
    return [dy && b.node('Transpose', [dy], { perm: inversePermutation(perm) })]
  },
}

function permutationOf(site: Site, rank: number): readonly number[] {
  const reversed = Array.from({ length: rank }, (_, axis) => rank - 1 - axis)
  const perm = site.ints('perm', reversed)
  if (perm.length !== rank || reversed.some((axis) => !perm.includes(axis)))
    throw invalid(site, `has perm [${perm}] for a tensor of rank ${rank}`)
  return perm
}
