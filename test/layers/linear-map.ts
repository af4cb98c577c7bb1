/** Dense float64 matrices of the linear maps under test, written independently of the library's kernels. */

import type * as tf from '../../src/layers/tf.ts'
import { singularValues } from '../../src/linalg/singular-values.ts'

export interface Matrix {
  readonly rows: number
  readonly columns: number
  readonly data: Float64Array
}

export function largestSingularValue({ rows, columns, data }: Matrix): number {
  return singularValues(data, rows, columns)[0]!
}

export function smallestSingularValue({ rows, columns, data }: Matrix): number {
  return singularValues(data, rows, columns).at(-1)!
}

/** A rank-2 kernel as it is. */
export function matrixOf(kernel: tf.Tensor): Matrix {
  const [rows, columns] = kernel.shape as [number, number]
  return { rows, columns, data: Float64Array.from(kernel.dataSync()) }
}

/**
 * Channels-last convolution with an HWIO kernel, TensorFlow's 'same' geometry, zero or circular padding: rows are outputs,
 * columns inputs.
 */
export function convolutionMatrix(
  kernel: tf.Tensor,
  [h, w]: readonly [number, number],
  [sy, sx]: readonly [number, number],
  circular = false,
): Matrix {
  const [kh, kw, cin, cout] = kernel.shape as [number, number, number, number]
  const values = kernel.dataSync()
  const oh = Math.ceil(h / sy)
  const ow = Math.ceil(w / sx)
  const top = Math.floor(Math.max((oh - 1) * sy + kh - h, 0) / 2)
  const left = Math.floor(Math.max((ow - 1) * sx + kw - w, 0) / 2)
  const columns = h * w * cin
  const rows = oh * ow * cout
  const data = new Float64Array(rows * columns)
  for (let y = 0; y < oh; y++)
    for (let x = 0; x < ow; x++)
      for (let a = 0; a < kh; a++)
        for (let b = 0; b < kw; b++) {
          let iy = y * sy + a - top
          let ix = x * sx + b - left
          if (circular) {
            iy = ((iy % h) + h) % h
            ix = ((ix % w) + w) % w
          }
          if (iy < 0 || iy >= h || ix < 0 || ix >= w) continue
          for (let i = 0; i < cin; i++)
            for (let o = 0; o < cout; o++) {
              const row = (y * ow + x) * cout + o
              const column = (iy * w + ix) * cin + i
              data[row * columns + column]! += values[((a * kw + b) * cin + i) * cout + o]!
            }
        }
  return { rows, columns, data }
}
