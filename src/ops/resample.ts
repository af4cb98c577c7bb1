/**
 * Resampling along one axis, as Resize defines it: which elements, with which weights, make up each output position.
 * @module
 */
import type { NdArray } from '../onnx/ir.ts'

/** How one axis is resized. */
export interface AxisRequest {
  readonly size: number
  readonly out: number
  /** out / size when the sizes are given; else the scale of the file. */
  readonly scale: number
  readonly scaleGiven: boolean
  /** Start and end of the region of interest (tf_crop_and_resize). */
  readonly roi: readonly [number, number]
}

export interface Interpolation {
  readonly mode: 'nearest' | 'linear' | 'cubic'
  readonly coordinates: string
  readonly nearest: string
  readonly cubic: number
  readonly excludeOutside: boolean
  readonly antialias: boolean
}

export interface Tap {
  readonly index: number
  readonly weight: number
}

/** One axis, resampled: row `i` lists the elements of output position `i`; empty = outside, takes the extrapolation value. */
export interface AxisResampling {
  readonly size: number
  readonly rows: readonly (readonly Tap[])[]
  readonly identity: boolean
  /** Each row is one element with weight 1, or empty. */
  readonly copies: boolean
  /** float32 arithmetic finds the same positions and weights, exactly. */
  readonly exact: boolean
  /** float32 arithmetic reads the same elements, for nearest. */
  readonly decided: boolean
}

/** Resamples one axis. */
export function resample(axis: AxisRequest, how: Interpolation): AxisResampling {
  const rows: Tap[][] = []
  let exact = true
  let decided = true
  for (let i = 0; i < axis.out; i++) {
    const position = positionOf(axis, how.coordinates, i)
    const agrees = isExact(axis, how, i, position)
    exact &&= agrees
    if (how.mode === 'nearest') decided &&= agrees || isClear(how.nearest, position)
    const outside = how.coordinates === 'tf_crop_and_resize' && (position < 0 || position > axis.size - 1)
    rows.push(outside ? [] : tapsAt(axis, how, position))
  }
  const copies = rows.every((taps) => taps.length === 0 || (taps.length === 1 && taps[0]!.weight === 1))
  const identity =
    axis.size === axis.out && copies && rows.every((taps, i) => taps.length === 1 && taps[0]!.index === i)
  return { size: axis.size, rows, identity, copies, exact, decided: how.mode === 'nearest' ? decided : exact }
}

/** Position in the input of output position `i`. */
function positionOf(axis: AxisRequest, coordinates: string, i: number): number {
  const { size, out, scaleGiven, roi } = axis
  // With sizes the quotient is one of integers: rounded once.
  const unscaled = (x: number) => (scaleGiven ? x / axis.scale : (x * size) / out)
  const length = resizedLength(axis)
  switch (coordinates) {
    case 'half_pixel':
      return unscaled(i + 0.5) - 0.5
    case 'half_pixel_symmetric':
      return (size / 2) * (1 - out / length) + unscaled(i + 0.5) - 0.5
    case 'pytorch_half_pixel':
      return length === 1 ? 0 : unscaled(i + 0.5) - 0.5
    case 'align_corners':
      return length === 1 ? 0 : (i * (size - 1)) / (length - 1)
    case 'asymmetric':
      return unscaled(i)
    case 'tf_half_pixel_for_nn':
      return unscaled(i + 0.5)
    case 'tf_crop_and_resize': {
      const [start, end] = roi
      if (length === 1) return ((start + end) * (size - 1)) / 2
      return start * (size - 1) + (i * (end - start) * (size - 1)) / (length - 1)
    }
    default:
      throw new Error(`coordinate mode '${coordinates}' passed the room's check`)
  }
}

/** scale * size, which may lie between `out` and the next integer; `out` itself but for that. */
export function resizedLength({ size, out, scale, scaleGiven }: AxisRequest): number {
  const length = scale * size
  return !scaleGiven || Math.abs(length - out) < 1e-4 ? out : length
}

function tapsAt(axis: AxisRequest, how: Interpolation, position: number): Tap[] {
  const clamp = (index: number) => Math.min(Math.max(index, 0), axis.size - 1)
  if (how.mode === 'nearest') return [{ index: clamp(nearestTo(how.nearest, position, axis.scale)), weight: 1 }]
  const [support, kernel] = how.mode === 'linear' ? [1, tent] : [2, keys(how.cubic)]
  // Shrinking with antialias stretches the kernel over 1/scale elements.
  const stretch = how.antialias ? Math.min(axis.scale, 1) : 1
  const first = Math.floor(position - support / stretch) + 1
  const last = Math.ceil(position + support / stretch) - 1
  const weights = new Map<number, number>()
  let total = 0
  for (let index = first; index <= last; index++) {
    const inside = index >= 0 && index < axis.size
    if (how.excludeOutside && !inside) continue
    const weight = kernel((index - position) * stretch)
    total += weight
    weights.set(clamp(index), (weights.get(clamp(index)) ?? 0) + weight)
  }
  const normalised = how.antialias || how.excludeOutside ? total : 1
  return [...weights].flatMap(([index, weight]) => (weight === 0 ? [] : [{ index, weight: weight / normalised }]))
}

function tent(x: number): number {
  return Math.max(0, 1 - Math.abs(x))
}

/** The cubic convolution kernel with parameter a (Keys 1981, eq. 4 for a = -1/2). */
function keys(a: number): (x: number) => number {
  return (x) => {
    const d = Math.abs(x)
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1
    return d < 2 ? a * (((d - 5) * d + 8) * d - 4) : 0
  }
}

function nearestTo(mode: string, position: number, scale: number): number {
  switch (mode) {
    case 'round_prefer_floor':
      return Math.ceil(position - 0.5)
    case 'round_prefer_ceil':
      return Math.floor(position + 0.5)
    case 'floor':
      return Math.floor(position)
    case 'ceil':
      return Math.ceil(position)
    // onnxruntime's reading of Resize in opset 10: down when growing, up when shrinking.
    case 'simple':
      return scale < 1 ? Math.ceil(position) : Math.trunc(position)
    default:
      throw new Error(`nearest mode '${mode}' passed the room's check`)
  }
}

/** Far enough from where the decision changes, for positions that err by a few float32 ulps. */
function isClear(mode: string, position: number): boolean {
  const edge = mode.startsWith('round') ? position + 0.5 : position
  return Math.abs(edge - Math.round(edge)) > 2 ** -19 * (Math.abs(position) + 2)
}

/**
 * The position has few binary digits and undoes to the output position exactly, so that float32 arithmetic makes no error on
 * the way, and neither in the weights (a polynomial of degree at most 3 in a multiple of 1/16).
 */
function isExact(axis: AxisRequest, how: Interpolation, i: number, position: number): boolean {
  if (how.antialias || how.excludeOutside) return false
  if (!Number.isInteger(position * 16) || Math.abs(position) > 2 ** 16) return false
  if (how.mode === 'cubic' && !Number.isInteger(how.cubic * 64)) return false
  const { size, out, scale, scaleGiven } = axis
  const undoes = (shifted: number, x: number) =>
    scaleGiven ? shifted * scale === x : shifted * out === x * size && Math.fround(out / size) * size === out
  switch (how.coordinates) {
    case 'half_pixel':
      return undoes(position + 0.5, i + 0.5)
    case 'pytorch_half_pixel':
      return position === 0 || undoes(position + 0.5, i + 0.5)
    case 'asymmetric':
      return undoes(position, i)
    case 'tf_half_pixel_for_nn':
      return undoes(position, i + 0.5)
    default:
      return axis.out === axis.size && position === i
  }
}

/** `[out, size]`, row-major. */
export function matrixOf({ size, rows }: AxisResampling): NdArray {
  const data = new Float64Array(rows.length * size)
  rows.forEach((taps, i) => {
    for (const { index, weight } of taps) data[i * size + index] = weight
  })
  return { type: 'float32', dims: [rows.length, size], data }
}

/**
 * Bound on the norm of the difference between the matrix and the one that exact arithmetic gives: positions err by a few
 * ulps of the larger length, the kernels are steeper than 8 + 8 |a| nowhere, sums of weights are at least 1/2.
 */
export function matrixError(axis: AxisResampling, cubic: number): number {
  if (axis.exact || axis.copies) return 0
  const most = axis.rows.reduce((best, taps) => Math.max(best, taps.length), 1)
  const entry = 2 ** -46 * (axis.size + axis.rows.length + 4) * (1 + Math.abs(cubic)) * most
  return entry * Math.sqrt(most * axis.rows.length) * 1.001
}
