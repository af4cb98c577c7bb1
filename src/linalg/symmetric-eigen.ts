/** Eigenvalues in descending order; `vectors[k]` belongs to `values[k]`. Approximate: for tests and search, never a proof. */
export interface SymmetricEigen {
  readonly values: Float64Array
  readonly vectors: readonly Float64Array[]
}

/** Cyclic Jacobi on a full symmetric matrix (row-major, size n); meant for n up to a few hundred. */
export function symmetricEigen(matrix: Float64Array, n: number): SymmetricEigen {
  const a = matrix.slice()
  // Rows of v are the eigenvectors: rotations then touch contiguous memory.
  const v = new Float64Array(n * n)
  for (let i = 0; i < n; i++) v[i * n + i] = 1
  for (let sweep = 0; sweep < 40; sweep++) {
    let off = 0
    let all = 0
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) {
        const square = a[i * n + j]! ** 2
        all += square
        if (i !== j) off += square
      }
    if (!(off > 1e-32 * all)) break
    for (let p = 0; p < n - 1; p++) for (let q = p + 1; q < n; q++) rotate(a, v, n, p, q)
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => a[j * n + j]! - a[i * n + i]!)
  return {
    values: Float64Array.from(order, (i) => a[i * n + i]!),
    vectors: order.map((i) => v.slice(i * n, (i + 1) * n)),
  }
}

function rotate(a: Float64Array, v: Float64Array, n: number, p: number, q: number): void {
  const apq = a[p * n + q]!
  if (apq === 0) return
  const ratio = (a[q * n + q]! - a[p * n + p]!) / (2 * apq)
  const t = Number.isFinite(ratio) ? (ratio >= 0 ? 1 : -1) / (Math.abs(ratio) + Math.hypot(1, ratio)) : 0
  const c = 1 / Math.sqrt(1 + t * t)
  const s = t * c
  for (let k = 0; k < n; k++) {
    const x = a[k * n + p]!
    const y = a[k * n + q]!
    a[k * n + p] = c * x - s * y
    a[k * n + q] = s * x + c * y
  }
  for (let k = 0; k < n; k++) {
    const x = a[p * n + k]!
    const y = a[q * n + k]!
    a[p * n + k] = c * x - s * y
    a[q * n + k] = s * x + c * y
    const g = v[p * n + k]!
    const h = v[q * n + k]!
    v[p * n + k] = c * g - s * h
    v[q * n + k] = s * g + c * h
  }
  a[p * n + q] = 0
  a[q * n + p] = 0
}
