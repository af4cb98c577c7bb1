/**
 * Index tuples of GatherND and ScatterND: the last axis of the indices addresses a slice of the data.
 * @module
 */
import type { NdArray, Shape } from '../onnx/ir.ts'
import { sizeOf, stridesOf } from './dims.ts'
import { invalid } from './invalid.ts'
import type { Site } from './operator.ts'

/** Where every tuple points: the first element of its slice in the data. */
export interface Slices {
  readonly starts: Float64Array
  /** Consecutive elements in one slice. */
  readonly size: number
}

/** Shape rule: the batch axes and those of the indices but the last, then what a tuple leaves of the data's axes. */
export function sliceDims(site: Site, data: Shape, indices: Shape, batch: number): Shape {
  const depth = indices.at(-1)
  if (depth === undefined || batch + depth > data.length || batch >= indices.length) {
    throw invalid(site, `has indices [${indices}] for data [${data}]`)
  }
  return [...indices.slice(0, -1), ...data.slice(batch + depth)]
}

export function slicesOf(site: Site, data: Shape, indices: NdArray, batch: number): Slices {
  const depth = indices.dims.at(-1)!
  const strides = stridesOf(data)
  const size = sizeOf(data.slice(batch + depth))
  const tuples = sizeOf(indices.dims.slice(0, -1))
  const perBatch = tuples / sizeOf(data.slice(0, batch))
  const batchSize = sizeOf(data.slice(batch))
  const starts = new Float64Array(tuples)
  for (let t = 0; t < tuples; t++) {
    let start = Math.floor(t / perBatch) * batchSize
    for (let k = 0; k < depth; k++) {
      const length = data[batch + k]!
      const index = indices.data[t * depth + k]!
      const position = index < 0 ? index + length : index
      if (!(position >= 0 && position < length)) throw invalid(site, `has position ${index} on an axis of ${length}`)
      start += position * strides[batch + k]!
    }
    starts[t] = start
  }
  return { starts, size }
}
