/**
 * Singular values of a row-major matrix in descending order, by one-sided Jacobi on the short side: accurate to a few ulps of the
 * largest, slow, meant for tests and matrices up to a few hundred rows. Not a proof.
 */
export function singularValues(matrix: Float64Array, rows: number, columns: number): Float64Array {
  const short = Math.min(rows, columns)
  const long = Math.max(rows, columns)
  const a = new Float64Array(short * long)
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) a[rows <= columns ? i * long + j : j * long + i] = matrix[i * columns + j]!
  for (let sweep = 0; sweep < 60; sweep++) {
    let rotated = false
    for (let p = 0; p < short - 1; p++)
      for (let q = p + 1; q < short; q++) {
        let x = 0
        let y = 0
        let z = 0
        for (let k = 0; k < long; k++) {
          const u = a[p * long + k]!
          const v = a[q * long + k]!
          x += u * u
          y += v * v
          z += u * v
        }
        if (!(Math.abs(z) > 1e-15 * Math.sqrt(x * y)) || z === 0) continue
        rotated = true
        const ratio = (y - x) / (2 * z)
        const t = (ratio >= 0 ? 1 : -1) / (Math.abs(ratio) + Math.hypot(1, ratio))
        const c = 1 / Math.hypot(1, t)
        const s = c * t
        for (let k = 0; k < long; k++) {
          const u = a[p * long + k]!
          const v = a[q * long + k]!
          a[p * long + k] = c * u - s * v
          a[q * long + k] = s * u + c * v
        }
      }
    if (!rotated) break
  }
  const values = new Float64Array(short)
  for (let p = 0; p < short; p++) {
    let x = 0
    for (let k = 0; k < long; k++) x += a[p * long + k]! ** 2
    values[p] = Math.sqrt(x)
  }
  return values.sort().reverse()
}
