/**
 * What operators that only move elements share.
 * @module
 */

import type { Shape } from '../onnx/ir.ts'
import type { GradientBuilder, Operator } from './operator.ts'
import { exact, move } from './rules.ts'

/** Copies round nothing; which rows meet is decided on the index maps (`evaluate` run on positions), not here. */
export const movement: Pick<Operator, 'lipschitz' | 'rounding' | 'rows'> = {
  lipschitz: () => move,
  rounding: () => exact,
  rows: () => 'rows',
}

/** The elements of a row-major tensor seen through strides: dims[k] steps of strides[k] from `offset`. */
export function copyStrided(
  data: Float64Array,
  dims: Shape,
  strides: readonly number[],
  offset = 0,
): Float64Array<ArrayBuffer> {
  const size = dims.reduce((product, dim) => product * dim, 1)
  const result = new Float64Array(size)
  if (size === 0) return result
  const rank = dims.length
  if (rank === 0) {
    result[0] = data[offset]
    return result
  }
  const counter = new Int32Array(rank)
  const inner = dims[rank - 1]
  const step = strides[rank - 1]
  for (let i = 0, position = offset; i < size; ) {
    for (let j = 0, from = position; j < inner; j++, from += step) result[i++] = data[from]
    for (let axis = rank - 2; axis >= 0; axis--) {
      position += strides[axis]
      if (++counter[axis] < dims[axis]) break
      position -= strides[axis] * dims[axis]
      counter[axis] = 0
    }
  }
  return result
}

/** A float32 tensor of zeros. */
export function zeros(b: GradientBuilder, dims: Shape): string {
  return b.node('ConstantOfShape', [b.indices(dims)])
}
