/**
 * Float64 matrix products in tight typed-array loops.
 * @module
 */
import type { NdArray } from '../onnx/ir.ts'

/** out[rows, columns] += a[rows, inner] b[inner, columns], all row-major, at the offsets given. */
export function multiplyInto(
  out: Float64Array,
  outAt: number,
  a: Float64Array,
  aAt: number,
  b: Float64Array,
  bAt: number,
  rows: number,
  inner: number,
  columns: number,
): void {
  let i = 0
  for (; i + 4 <= rows; i += 4) {
    const o0 = outAt + i * columns
    const o1 = o0 + columns
    const o2 = o1 + columns
    const o3 = o2 + columns
    for (let k = 0; k < inner; k++) {
      const at = aAt + i * inner + k
      const a0 = a[at]
      const a1 = a[at + inner]
      const a2 = a[at + 2 * inner]
      const a3 = a[at + 3 * inner]
      const from = bAt + k * columns
      for (let j = 0; j < columns; j++) {
        const value = b[from + j]
        out[o0 + j] += a0 * value
        out[o1 + j] += a1 * value
        out[o2 + j] += a2 * value
        out[o3 + j] += a3 * value
      }
    }
  }
  for (; i < rows; i++)
    for (let k = 0; k < inner; k++) {
      const factor = a[aAt + i * inner + k]
      const from = bAt + k * columns
      const to = outAt + i * columns
      for (let j = 0; j < columns; j++) out[to + j] += factor * b[from + j]
    }
}

/** The transpose of a row-major matrix. */
export function transposed(data: Float64Array, rows: number, columns: number): Float64Array<ArrayBuffer> {
  const result = new Float64Array(rows * columns)
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) result[j * rows + i] = data[i * columns + j]
  return result
}

/** The transpose of a rank-2 array. */
export function transposeMatrix(matrix: NdArray): NdArray {
  const [rows, columns] = matrix.dims
  return { ...matrix, dims: [columns, rows], data: transposed(matrix.data, rows, columns) }
}

/** factor * matrix; the product's half ulp is added to the array's relative error. Powers of two are exact. */
export function scaled(matrix: NdArray, factor: number): NdArray {
  if (factor === 1) return matrix
  const inherited = matrix.relativeError ?? 0
  const own = Number.isInteger(Math.log2(Math.abs(factor))) ? 0 : 2 ** -52
  const relativeError = own === 0 ? inherited : inherited + own * (1 + inherited)
  return { ...matrix, data: matrix.data.map((x) => factor * x), relativeError }
}

/** Upper bound of the spectral norm of one matrix of a stack: the smaller of Frobenius and Schur, not rounded yet. */
export function crudeNorm(data: Float64Array, at: number, rows: number, columns: number): number {
  const rowSums = new Float64Array(rows)
  const columnSums = new Float64Array(columns)
  let squares = 0
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) {
      const value = Math.abs(data[at + i * columns + j])
      rowSums[i] += value
      columnSums[j] += value
      squares += value * value
    }
  const largest = (sums: Float64Array) => sums.reduce((a, b) => Math.max(a, b), 0)
  const schur = Math.sqrt(largest(rowSums)) * Math.sqrt(largest(columnSums))
  // Tiny entries whose squares underflow make the Frobenius sum too small.
  return squares > 2 ** -900 ? Math.min(schur, Math.sqrt(squares)) : schur
}
