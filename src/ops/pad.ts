import type { NdArray, Shape } from '../onnx/ir.ts'
import { constantIntegers, normaliseAxis } from './axes.ts'
import { expressions } from './broadcast.ts'
import { invalid, unsupported } from './invalid.ts'
import { copyMapped, movement } from './movement.ts'
import type { Operator, Site } from './operator.ts'
import { move, unbounded } from './rules.ts'
import { scatterAlong } from './scatter-along.ts'

/** Pads each axis with a constant, or with the tensor's own elements (reflect, edge, wrap); negative pads crop. */
export const Pad: Operator = {
  type: 'Pad',
  ...movement,
  shape: (site) => {
    const { type, dims } = site.input(0)
    return [{ type, dims: mapsOf(site, dims).map((map) => map.length) }]
  },
  evaluate: (site, inputs) => {
    const x = inputs[0]!
    const maps = mapsOf(site, x.dims)
    const dims = maps.map((map) => map.length)
    return [{ type: x.type, dims, data: copyMapped(x.data, x.dims, maps, fillOf(site, inputs[2])) }]
  },
  lipschitz: (site) =>
    site.inputs[2] && !site.constant(2) ? unbounded('the value that it pads with depends on the input') : move,
  // The constant is a value, not an element of the input: on expressions it must be a constant expression.
  symbolic: (site, inputs, pool) => {
    const x = expressions(site, inputs, 0, pool)
    if (!x || inputs[2]) return undefined
    const maps = mapsOf(site, x.dims)
    const fill = modeOf(site) === 'constant' ? pool.constant(fillOf(site, site.constant(2))) : -1
    return [{ dims: maps.map((map) => map.length), ids: copyMapped(x.ids, x.dims, maps, fill) }]
  },
  vjp: (site, b, [dy]) => {
    if (!dy) return [undefined]
    const { dims } = site.input(0)
    const maps = mapsOf(site, dims)
    const begins = maps.map((map) => map.findIndex((from) => from >= 0))
    const cropping = maps.every(
      (map, axis) => map.filter((from) => from >= 0).length === dims[axis] && map[begins[axis]] === 0,
    )
    if (modeOf(site) === 'constant' && cropping) {
      const axes = dims.flatMap((dim, axis) => (maps[axis].length === dim ? [] : [axis]))
      if (axes.length === 0) return [dy]
      const starts = axes.map((axis) => begins[axis])
      const ends = axes.map((axis) => begins[axis] + dims[axis])
      return [b.node('Slice', [dy, b.indices(starts), b.indices(ends), b.indices(axes)])]
    }
    let value = dy
    let current: Shape = maps.map((map) => map.length)
    maps.forEach((map, axis) => {
      value = scatterAlong(b, value, current, axis, map, dims[axis])
      current = current.with(axis, dims[axis])
    })
    return [value]
  },
}

const modeOf = (site: Site): string => site.string('mode', 'constant')

function fillOf(site: Site, value: NdArray | undefined): number {
  return site.opset < 11 ? site.float('value', 0) : (value?.data[0] ?? 0)
}

/** For each axis the source of every position, -1 for the constant. */
function mapsOf(site: Site, dims: Shape): readonly Int32Array[] {
  const rank = dims.length
  const pads = site.opset < 11 ? site.ints('pads') : constantIntegers(site, 1)
  const listed = site.inputs[3] ? constantIntegers(site, 3).map((axis) => normaliseAxis(site, axis, rank)) : undefined
  const axes = listed ?? dims.map((_, axis) => axis)
  if (pads.length !== 2 * axes.length) throw invalid(site, `has ${pads.length} pads for ${axes.length} axes`)
  const mode = modeOf(site)
  if (!['constant', 'reflect', 'edge', 'wrap'].includes(mode)) throw unsupported(site, `has mode '${mode}'`)
  return dims.map((dim, axis) => {
    const at = axes.indexOf(axis)
    const [begin, end] = at < 0 ? [0, 0] : [pads[at], pads[at + axes.length]]
    if (mode !== 'constant' && (begin < 0 || end < 0)) throw unsupported(site, `crops in mode '${mode}'`)
    const length = dim + begin + end
    if (length < 0) throw invalid(site, `crops ${-begin - end} of ${dim} elements`)
    return Int32Array.from({ length }, (_, i) => source(mode, i - begin, dim))
  })
}

function source(mode: string, position: number, dim: number): number {
  if (position >= 0 && position < dim) return position
  if (mode === 'constant' || dim === 0) return -1
  if (mode === 'edge') return position < 0 ? 0 : dim - 1
  const modulo = (n: number) => ((position % n) + n) % n
  if (mode === 'wrap') return modulo(dim)
  // Reflection without repeating the border: period 2 (dim - 1).
  if (dim === 1) return 0
  const phase = modulo(2 * (dim - 1))
  return phase < dim ? phase : 2 * (dim - 1) - phase
}
