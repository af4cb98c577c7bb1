/**
 * Geometry of sliding windows (convolutions and pools, any spatial rank): sizes, padding, and which elements a window reads.
 * @module
 */
import type { Shape } from '../onnx/ir.ts'
import { sizeOf } from './dims.ts'
import { invalid } from './invalid.ts'
import type { Site } from './operator.ts'

export interface WindowGeometry {
  /** Size of the input map. */
  readonly spatial: readonly number[]
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  readonly padsBegin: readonly number[]
  readonly padsEnd: readonly number[]
  /** Number of window positions along each axis. */
  readonly output: readonly number[]
}

/**
 * Resolves strides, dilations, pads, auto_pad and ceil_mode for windows of size `kernel` over a map of size `spatial`.
 * Source: the ONNX specification of Conv and MaxPool; with ceil_mode, windows that start in the end padding are dropped.
 */
export function windowGeometry(site: Site, spatial: readonly number[], kernel: readonly number[]): WindowGeometry {
  const rank = spatial.length
  const ones = new Array<number>(rank).fill(1)
  const strides = site.ints('strides', ones)
  const dilations = site.ints('dilations', ones)
  const { begin, end } = padding(site, spatial, kernel, strides, dilations)
  const lengths = [kernel, strides, dilations, begin, end]
  if (lengths.some((list) => list.length !== rank))
    throw invalid(site, `has kernel, strides, dilations or pads that do not fit ${rank} spatial axes`)
  if ([...kernel, ...strides, ...dilations].some((value) => !(value >= 1)))
    throw invalid(site, 'has a kernel size, stride or dilation below 1')
  const ceil = site.int('ceil_mode', 0) === 1
  const output = spatial.map((size, axis) => {
    const room = size + begin[axis] + end[axis] - extent(kernel, dilations, axis)
    if (room < 0) return 0
    const count = (ceil ? Math.ceil : Math.floor)(room / strides[axis]) + 1
    return ceil && (count - 1) * strides[axis] >= size + begin[axis] ? count - 1 : count
  })
  return { spatial, kernel, strides, dilations, padsBegin: begin, padsEnd: end, output }
}

/** Elements from the first to the last one that a window spans along an axis. */
function extent(kernel: readonly number[], dilations: readonly number[], axis: number): number {
  return (kernel[axis] - 1) * dilations[axis] + 1
}

function padding(
  site: Site,
  spatial: readonly number[],
  kernel: readonly number[],
  strides: readonly number[],
  dilations: readonly number[],
): { begin: readonly number[]; end: readonly number[] } {
  const zeros = new Array<number>(spatial.length).fill(0)
  const mode = site.string('auto_pad', 'NOTSET')
  if (mode === 'VALID') return { begin: zeros, end: zeros }
  if (mode === 'SAME_UPPER' || mode === 'SAME_LOWER') {
    const total = spatial.map((size, axis) =>
      Math.max(0, (Math.ceil(size / strides[axis]) - 1) * strides[axis] + extent(kernel, dilations, axis) - size),
    )
    const small = total.map((pads) => Math.floor(pads / 2))
    const large = total.map((pads) => Math.ceil(pads / 2))
    return mode === 'SAME_UPPER' ? { begin: small, end: large } : { begin: large, end: small }
  }
  if (mode !== 'NOTSET' && mode !== '') throw invalid(site, `has auto_pad '${mode}'`)
  const pads = site.ints('pads', [...zeros, ...zeros])
  return { begin: pads.slice(0, spatial.length), end: pads.slice(spatial.length) }
}

/** A geometry whose single window is the whole map (the Global pools). */
export function wholeMap(spatial: readonly number[]): WindowGeometry {
  const ones = new Array<number>(spatial.length).fill(1)
  const zeros = new Array<number>(spatial.length).fill(0)
  return {
    spatial,
    kernel: spatial,
    strides: ones,
    dilations: ones,
    padsBegin: zeros,
    padsEnd: zeros,
    output: ones,
  }
}

/** The input elements that each window reads, on one map: those of window w are cells[starts[w]] … cells[starts[w + 1] - 1]. */
export interface WindowCells {
  readonly starts: Int32Array
  readonly cells: Int32Array
}

/** Padding is left out: a window over the border has fewer cells. Cells are in row-major order of the window. */
export function windowCells(geometry: WindowGeometry): WindowCells {
  const { spatial, kernel, strides, dilations, padsBegin, output } = geometry
  const rank = spatial.length
  const starts = new Int32Array(sizeOf(output) + 1)
  // Along each axis the positions of each window, then their product.
  const along = output.map((count, axis) =>
    Array.from({ length: count }, (_, position) => {
      const list: number[] = []
      for (let k = 0; k < kernel[axis]; k++) {
        const at = position * strides[axis] - padsBegin[axis] + k * dilations[axis]
        if (at >= 0 && at < spatial[axis]) list.push(at)
      }
      return list
    }),
  )
  const total = along.reduce((product, lists) => product * lists.reduce((sum, list) => sum + list.length, 0), 1)
  const cells = new Int32Array(total)
  let filled = 0
  const visit = (axis: number, position: readonly number[], base: number): void => {
    if (axis === rank) {
      cells[filled++] = base
      return
    }
    for (const at of along[axis][position[axis]]) visit(axis + 1, position, base * spatial[axis] + at)
  }
  const position = new Array<number>(rank).fill(0)
  for (let window = 0; window < starts.length - 1; window++) {
    visit(0, position, 0)
    starts[window + 1] = filled
    for (let axis = rank - 1; axis >= 0; axis--) {
      if (++position[axis] < output[axis]) break
      position[axis] = 0
    }
  }
  return { starts, cells }
}

/** The largest number of windows that read the same element, counted, not estimated. */
export function maxMultiplicity(geometry: WindowGeometry): number {
  // Windows are products of intervals, so the count is a product of counts along the axes.
  return geometry.spatial.reduce((product, size, axis) => {
    const counts = new Int32Array(size)
    for (let position = 0; position < geometry.output[axis]; position++) {
      for (let k = 0; k < geometry.kernel[axis]; k++) {
        const at = position * geometry.strides[axis] - geometry.padsBegin[axis] + k * geometry.dilations[axis]
        if (at >= 0 && at < size) counts[at]++
      }
    }
    return product * counts.reduce((a, c) => Math.max(a, c), 0)
  }, 1)
}

/** The largest number of elements that a window reads. */
export function maxCells(geometry: WindowGeometry): number {
  const { starts } = windowCells(geometry)
  let most = 0
  for (let window = 1; window < starts.length; window++) most = Math.max(most, starts[window] - starts[window - 1])
  return most
}

/**
 * End pads and output padding with which a transposed convolution over the windows gives back exactly the input map: inputs
 * beyond the last window need output padding, windows beyond the padded input (ceil_mode) need more end padding.
 */
export function adjointPadding(geometry: WindowGeometry): { padsEnd: number[]; outputPadding: number[] } {
  const missing = geometry.spatial.map((size, axis) => {
    const reach =
      (geometry.output[axis] - 1) * geometry.strides[axis] + extent(geometry.kernel, geometry.dilations, axis)
    return size + geometry.padsBegin[axis] - reach
  })
  return { padsEnd: missing.map((gap) => Math.max(0, -gap)), outputPadding: missing.map((gap) => Math.max(0, gap)) }
}

/** [batch, channels] of a map `[batch, channels, ...spatial]`. */
export function mapsOf(site: Site, dims: Shape): { batch: number; channels: number; spatial: readonly number[] } {
  if (dims.length < 3) throw invalid(site, `needs an input of rank 3 or more, not [${dims}]`)
  return { batch: dims[0], channels: dims[1], spatial: dims.slice(2) }
}
