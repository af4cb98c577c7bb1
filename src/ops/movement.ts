/**
 * What operators that only move elements share.
 * @module
 */

import type { Shape } from '../onnx/ir.ts'
import { stridesOf } from './dims.ts'
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

/**
 * result[i0, i1, …] = data[maps[0][i0], maps[1][i1], …]: takes entries along every axis at once; -1 means `fill`.
 * @param dims dims of `data`
 */
export function copyMapped(
  data: Float64Array,
  dims: Shape,
  maps: readonly ArrayLike<number>[],
  fill = 0,
): Float64Array<ArrayBuffer> {
  const rank = dims.length
  const sizes = maps.map((map) => map.length)
  const result = new Float64Array(sizes.reduce((product, size) => product * size, 1))
  const strides = stridesOf(dims)
  let filled = 0
  const visit = (axis: number, offset: number, inside: boolean): void => {
    if (axis === rank) {
      result[filled++] = inside ? data[offset] : fill
      return
    }
    const map = maps[axis]
    const stride = strides[axis]
    if (axis === rank - 1) {
      for (let i = 0; i < map.length; i++)
        result[filled++] = inside && map[i] >= 0 ? data[offset + map[i] * stride] : fill
      return
    }
    for (let i = 0; i < map.length; i++) visit(axis + 1, offset + map[i] * stride, inside && map[i] >= 0)
  }
  visit(0, 0, true)
  return result
}

/** The map that leaves an axis as it is. */
export function wholeAxis(size: number): Int32Array {
  return Int32Array.from({ length: size }, (_, i) => i)
}
