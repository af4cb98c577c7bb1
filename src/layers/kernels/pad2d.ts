import * as tf from '../tf.ts'
import type { Padding } from './conv2d.ts'

export type PadMode = 'constant' | 'reflect' | 'symmetric' | 'circular' | 'replicate'

/** Pads height and width of an NHWC tensor. Made of slices and concatenations: differentiable on every backend. */
export function pad2d(x: tf.Tensor4D, mode: PadMode, { top, bottom, left, right }: Padding): tf.Tensor4D {
  if (top + bottom + left + right === 0) return x
  if (mode === 'constant')
    return tf.pad(x, [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ])
  return padAxis(padAxis(x, mode, 1, top, bottom), mode, 2, left, right)
}

function padAxis(
  x: tf.Tensor4D,
  mode: Exclude<PadMode, 'constant'>,
  axis: 1 | 2,
  before: number,
  after: number,
): tf.Tensor4D {
  const size = x.shape[axis]
  const band = (start: number, length: number): tf.Tensor4D => {
    const begin: [number, number, number, number] = [0, 0, 0, 0]
    const extent = [...x.shape] as [number, number, number, number]
    begin[axis] = start
    extent[axis] = length
    return tf.slice(x, begin, extent)
  }
  const repeated = (start: number, times: number): tf.Tensor4D => {
    const reps = [1, 1, 1, 1]
    reps[axis] = times
    return tf.tile(band(start, 1), reps)
  }
  // The library's own mirrorPad has a wrong gradient (it drops what the border contributes).
  const mirrored = (start: number, length: number): tf.Tensor4D => tf.reverse(band(start, length), axis)
  const bands: Record<typeof mode, (length: number, after: boolean) => tf.Tensor4D> = {
    circular: (n, atEnd) => band(atEnd ? 0 : size - n, n),
    replicate: (n, atEnd) => repeated(atEnd ? size - 1 : 0, n),
    reflect: (n, atEnd) => mirrored(atEnd ? size - 1 - n : 1, n),
    symmetric: (n, atEnd) => mirrored(atEnd ? size - n : 0, n),
  }
  const parts: tf.Tensor4D[] = []
  if (before > 0) parts.push(bands[mode](before, false))
  parts.push(x)
  if (after > 0) parts.push(bands[mode](after, true))
  return parts.length === 1 ? x : tf.concat(parts, axis)
}
