import type { Shape } from '../onnx/ir.ts'
import { zeros } from './movement.ts'
import type { GradientBuilder } from './operator.ts'

/** Above this many entries that share a source the sum is written as a matrix product. */
const FEW = 4

/**
 * The adjoint of taking entries `map[i]` along one axis (a negative entry is a constant and gets nothing back): every source
 * entry receives the sum of the entries that were taken from it.
 * @param dims dims of the cotangent; dims[axis] = map.length
 * @param size length of the source's axis
 */
export function scatterAlong(
  b: GradientBuilder,
  cotangent: string,
  dims: Shape,
  axis: number,
  map: ArrayLike<number>,
  size: number,
): string {
  const taken: number[][] = Array.from({ length: size }, () => [])
  for (let i = 0; i < map.length; i++) if (map[i] >= 0) taken[map[i]].push(i)
  const most = taken.reduce((largest, list) => Math.max(largest, list.length), 0)
  if (most === 0) return zeros(b, dims.with(axis, size))
  if (most === 1 && size === map.length && taken.every(([only], at) => only === at)) return cotangent
  if (most > FEW) return asProduct(b, cotangent, dims, axis, map, size)
  // Entries that nothing was taken from read a zero appended behind the last one.
  const complete = taken.every((list) => list.length === most)
  const pads = dims.map((_, k) => (k === axis ? 1 : 0))
  const source = complete ? cotangent : b.node('Pad', [cotangent, b.indices([...pads.map(() => 0), ...pads])])
  const layers = Array.from({ length: most }, (_, layer) =>
    b.node('Gather', [source, b.indices(taken.map((list) => list[layer] ?? map.length))], { axis }),
  )
  return layers.length === 1 ? layers[0] : b.node('Sum', layers)
}

function asProduct(
  b: GradientBuilder,
  cotangent: string,
  dims: Shape,
  axis: number,
  map: ArrayLike<number>,
  size: number,
): string {
  const matrix = new Float64Array(map.length * size)
  for (let i = 0; i < map.length; i++) if (map[i] >= 0) matrix[i * size + map[i]] = 1
  const last = dims.length - 1
  const perm = dims.map((_, k) => k)
  perm[axis] = last
  perm[last] = axis
  const swap = (value: string) => (axis === last ? value : b.node('Transpose', [value], { perm }))
  return swap(b.node('MatMul', [swap(cotangent), b.constant(matrix, [map.length, size])]))
}
