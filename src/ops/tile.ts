import type { Shape } from '../onnx/ir.ts'
import { constantIntegers } from './axes.ts'
import { invalid } from './invalid.ts'
import { copyMapped, movement } from './movement.ts'
import type { Operator, Site } from './operator.ts'

/** Repeats the tensor along each axis. */
export const Tile: Operator = {
  type: 'Tile',
  ...movement,
  shape: (site) => {
    const { type, dims } = site.input(0)
    return [{ type, dims: tiled(site, dims, constantIntegers(site, 1)) }]
  },
  evaluate: (site, [x, repeats]) => {
    const dims = tiled(site, x!.dims, Array.from(repeats!.data))
    const maps = dims.map((length, axis) => Int32Array.from({ length }, (_, i) => i % x!.dims[axis]))
    return [{ type: x!.type, dims, data: copyMapped(x!.data, x!.dims, maps) }]
  },
  vjp: (site, b, [dy]) => {
    if (!dy) return [undefined]
    const { dims } = site.input(0)
    const repeats = constantIntegers(site, 1)
    const split = dims.flatMap((dim, axis) => [repeats[axis], dim])
    const axes = dims.map((_, axis) => 2 * axis)
    if (dims.length === 0) return [dy]
    return [
      b.node('ReduceSum', [b.node('Reshape', [dy, b.indices(split)]), b.indices(axes)], { keepdims: 0 }),
      undefined,
    ]
  },
}

function tiled(site: Site, dims: Shape, repeats: readonly number[]): number[] {
  if (repeats.length !== dims.length) throw invalid(site, `has ${repeats.length} repeats for rank ${dims.length}`)
  return dims.map((dim, axis) => dim * repeats[axis])
}
