import type { NdArray, Shape } from '../onnx/ir.ts'
import { broadcastIndex } from './broadcast.ts'
import { sameDims, sizeOf } from './dims.ts'
import type { LipschitzRule } from './operator.ts'
import { trueShare } from './round-up.ts'
import { closedForm, diagonal, unbounded } from './rules.ts'
import { roundUpBy } from './sum-up.ts'

/**
 * Lipschitz rule of y = scale * x with broadcasting. Where x itself is repeated the map is not diagonal: element x_i is met by
 * several scales, and T^T T is diagonal with the sums of their squares, so the norm is exact.
 */
export function scaling(scale: NdArray, dims: Shape, target: Shape): LipschitzRule {
  if (sameDims(dims, target)) return diagonal(scale)
  const from = broadcastIndex(dims, target)
  const by = broadcastIndex(scale.dims, target)
  const squares = new Float64Array(sizeOf(dims))
  for (let i = 0; i < from.length; i++) squares[from[i]] += scale.data[by[i]] ** 2
  const largest = squares.reduce((a, b) => Math.max(a, b), 0)
  // Squares that underflow would be lost: below this size the count times the largest scale is used instead.
  if (largest > 0 && largest < 2 ** -900) return unbounded('its scale is too small to be squared')
  const repeats = from.length / Math.max(1, squares.length)
  return closedForm(
    roundUpBy(Math.sqrt(largest), repeats + 4) * trueShare(scale.relativeError),
    'each element is scaled and repeated: the square root of the largest sum of squared scales',
  )
}
