/**
 * What the pools share: their geometry, and walking over their windows.
 * @module
 */
import type { Shape } from '../onnx/ir.ts'
import { sizeOf } from './dims.ts'
import { unsupported } from './invalid.ts'
import type { Operator, Site } from './operator.ts'
import { mapsOf, type WindowGeometry, wholeMap, windowCells, windowGeometry } from './windows.ts'

/** Where the windows of a pool lie over an input `[batch, channels, ...spatial]`. */
export type GeometryOf = (site: Site, dims: Shape) => WindowGeometry

/** Windows by kernel_shape, strides, pads, dilations, auto_pad and ceil_mode. */
export const slidingWindows: GeometryOf = (site, dims) => {
  const geometry = windowGeometry(site, mapsOf(site, dims).spatial, site.ints('kernel_shape'))
  const { spatial, kernel, strides, dilations, output } = geometry
  // The specification then has negative padding; onnxruntime crops in MaxPool and LpPool and fails in AveragePool.
  const gaps = spatial.some(
    (size, axis) => (output[axis] - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1 < size,
  )
  const same = site.string('auto_pad', 'NOTSET').startsWith('SAME')
  if (same && dilations.some((step) => step > 1))
    throw unsupported(site, 'has auto_pad SAME and dilations: onnxruntime pads as if there were none')
  if (gaps && same)
    throw unsupported(
      site,
      "has auto_pad SAME with windows that do not reach the map's border: runtimes disagree on it",
    )
  return geometry
}

/** One window: the whole map. */
export const globalWindow: GeometryOf = (site, dims) => wholeMap(mapsOf(site, dims).spatial)

/** Shape and row rule of a pool; every output row reads its own input row. */
export function poolShape(geometryOf: GeometryOf): Pick<Operator, 'shape' | 'rows'> {
  return {
    shape: (site) => {
      const { type, dims } = site.input(0)
      return [{ type, dims: [dims[0], dims[1], ...geometryOf(site, dims).output] }]
    },
    rows: () => 'rows',
  }
}

/**
 * The value of every window of every map, row-major.
 * @param fold receives the values, the window's elements as positions `cells[from] + base` … `cells[to - 1] + base`, and the
 * window's number within the map
 */
export function overWindows(
  values: Float64Array,
  dims: Shape,
  geometry: WindowGeometry,
  fold: (values: Float64Array, base: number, cells: Int32Array, from: number, to: number, window: number) => number,
): Float64Array<ArrayBuffer> {
  const { starts, cells } = windowCells(geometry)
  const maps = dims[0] * dims[1]
  const inSize = sizeOf(geometry.spatial)
  const outSize = sizeOf(geometry.output)
  const data = new Float64Array(maps * outSize)
  for (let map = 0; map < maps; map++)
    for (let w = 0; w < outSize; w++)
      data[map * outSize + w] = fold(values, map * inSize, cells, starts[w], starts[w + 1], w)
  return data
}

/** The elements of one window as a list (for expressions). */
export function windowOf(
  values: Float64Array,
  base: number,
  cells: Int32Array,
  from: number,
  to: number,
): readonly number[] {
  return Array.from(cells.subarray(from, to), (cell) => values[base + cell])
}
