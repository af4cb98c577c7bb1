import type { Shape } from '../onnx/ir.ts'
import { sizeOf } from './dims.ts'

/** The lines of a tensor along one axis: line `i` holds the elements `starts[i] + k * step`, k = 0 .. length - 1. */
export interface Lines {
  readonly length: number
  readonly step: number
  readonly starts: Float64Array
}

export function linesOf(dims: Shape, axis: number): Lines {
  const length = dims[axis]!
  const step = sizeOf(dims.slice(axis + 1))
  const starts = new Float64Array(sizeOf(dims.slice(0, axis)) * step)
  for (let i = 0; i < starts.length; i++) starts[i] = Math.floor(i / step) * length * step + (i % step)
  return { length, step, starts }
}

/** A new array of the same size in which every line is the image of the line. */
export function mapLines(data: Float64Array, lines: Lines, f: (line: Float64Array) => ArrayLike<number>): Float64Array {
  const result = new Float64Array(data.length)
  const line = new Float64Array(lines.length)
  for (const start of lines.starts) {
    for (let k = 0; k < lines.length; k++) line[k] = data[start + k * lines.step]!
    const image = f(line)
    for (let k = 0; k < lines.length; k++) result[start + k * lines.step] = image[k]!
  }
  return result
}
