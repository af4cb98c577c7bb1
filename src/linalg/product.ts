/**
 * C += A Bᵀ on strided row-major views: `C[i][j] += sum_k A[i][k] B[j][k]`. The one matrix product of the proof: Gram
 * matrices and convolutions are made of it. Each entry is a sum of `depth` products in some order, so its error is
 * within g(depth + 1) sum |a||b| of the exact update, whatever the blocking.
 */
export function addProductTransposed(
  c: Float64Array,
  cStart: number,
  cStride: number,
  a: Float64Array,
  aStart: number,
  aStride: number,
  b: Float64Array,
  bStart: number,
  bStride: number,
  rows: number,
  columns: number,
  depth: number,
): void {
  let i = 0
  // Two rows by four columns: eight accumulators and six operands fit the sixteen floating-point registers.
  for (; i + 1 < rows; i += 2) {
    const a0 = aStart + i * aStride
    const a1 = a0 + aStride
    const c0 = cStart + i * cStride
    const c1 = c0 + cStride
    let j = 0
    for (; j + 3 < columns; j += 4) {
      const b0 = bStart + j * bStride
      const b1 = b0 + bStride
      const b2 = b1 + bStride
      const b3 = b2 + bStride
      let s00 = 0
      let s01 = 0
      let s02 = 0
      let s03 = 0
      let s10 = 0
      let s11 = 0
      let s12 = 0
      let s13 = 0
      for (let k = 0; k < depth; k++) {
        const x0 = a[a0 + k]!
        const x1 = a[a1 + k]!
        const y0 = b[b0 + k]!
        const y1 = b[b1 + k]!
        s00 += x0 * y0
        s10 += x1 * y0
        s01 += x0 * y1
        s11 += x1 * y1
        const y2 = b[b2 + k]!
        const y3 = b[b3 + k]!
        s02 += x0 * y2
        s12 += x1 * y2
        s03 += x0 * y3
        s13 += x1 * y3
      }
      c[c0 + j] += s00
      c[c0 + j + 1] += s01
      c[c0 + j + 2] += s02
      c[c0 + j + 3] += s03
      c[c1 + j] += s10
      c[c1 + j + 1] += s11
      c[c1 + j + 2] += s12
      c[c1 + j + 3] += s13
    }
    for (; j < columns; j++) {
      const b0 = bStart + j * bStride
      let s0 = 0
      let s1 = 0
      for (let k = 0; k < depth; k++) {
        const y = b[b0 + k]!
        s0 += a[a0 + k]! * y
        s1 += a[a1 + k]! * y
      }
      c[c0 + j] += s0
      c[c1 + j] += s1
    }
  }
  if (i < rows) {
    const a0 = aStart + i * aStride
    const c0 = cStart + i * cStride
    for (let j = 0; j < columns; j++) {
      const b0 = bStart + j * bStride
      let s = 0
      for (let k = 0; k < depth; k++) s += a[a0 + k]! * b[b0 + k]!
      c[c0 + j] += s
    }
  }
}
