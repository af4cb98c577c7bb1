/**
 * The top of a symmetric positive semidefinite operator by restarted Lanczos with full reorthogonalisation, and what can be
 * proved from the vector it finds: a Rayleigh quotient is a lower bound of the norm, however the vector came about.
 * @module
 */
import { normalVector } from './normal-vector.ts'
import { downward } from './rounding.ts'
import { vectorNormLower, vectorNormUpper } from './vector-norm.ts'

export interface LanczosOptions {
  /** Applications of the operator at most. */
  readonly steps?: number
  /** Vectors kept before a restart from the best one. */
  readonly basis?: number
  /** Stops when the residual is below this fraction of the value. */
  readonly tolerance?: number
  readonly start?: Float64Array
  readonly seed?: number
}

/** An approximate top eigenpair; `value` is an estimate, never a bound. */
export interface Ritz {
  readonly value: number
  readonly vector: Float64Array
  /** Relative residual: how far the pair is from an eigenpair. */
  readonly residual: number
}

/** `multiply(x, y)` overwrites y with the operator applied to x. */
export function lanczosTop(
  multiply: (x: Float64Array, y: Float64Array) => void,
  n: number,
  options: LanczosOptions = {},
): Ritz {
  const { steps = 40, tolerance = 1e-10, seed = 1 } = options
  const basis = Math.max(2, Math.min(options.basis ?? steps, steps, n))
  let vector = options.start?.slice() ?? normalVector(n, seed)
  if (!normalise(vector)) {
    vector = normalVector(n, seed)
    normalise(vector)
  }
  let value = 0
  let residual = Number.POSITIVE_INFINITY
  for (let used = 0; used < steps && residual > tolerance; ) {
    const run = krylov(multiply, vector, Math.min(basis, Math.max(1, steps - used)), tolerance)
    used += run.steps
    vector = run.vector
    value = run.value
    residual = run.residual
    // A run of one step cannot improve by being repeated.
    if (run.exhausted) break
  }
  return { value, vector, residual }
}

interface KrylovRun extends Ritz {
  readonly steps: number
  readonly exhausted: boolean
}

function krylov(
  multiply: (x: Float64Array, y: Float64Array) => void,
  start: Float64Array,
  size: number,
  tolerance: number,
): KrylovRun {
  const n = start.length
  const q: Float64Array[] = [start]
  const alpha: number[] = []
  const beta: number[] = []
  for (let k = 0; ; k++) {
    const w = new Float64Array(n)
    multiply(q[k]!, w)
    alpha.push(dot(q[k]!, w))
    // The two last vectors first, where all of the product lies but for rounding; then twice is enough (Kahan, Parlett).
    for (let i = Math.max(0, k - 1); i <= k; i++) subtract(w, q[i]!, dot(q[i]!, w))
    orthogonalise(w, q)
    const b = Math.sqrt(dot(w, w))
    const last = k + 1 === size
    const exhausted = !(b > 1e-14 * Math.abs(alpha[0]!)) || k + 1 === n
    if (last || exhausted || (k % 6 === 5 && k > 5)) {
      const { value, weights } = tridiagonalTop(alpha, beta)
      const residual = (b * Math.abs(weights[k]!)) / Math.max(Math.abs(value), Number.MIN_VALUE)
      if (last || exhausted || residual <= tolerance) {
        const vector = new Float64Array(n)
        for (let i = 0; i <= k; i++) subtract(vector, q[i]!, -weights[i]!)
        normalise(vector)
        return { value, vector, residual: exhausted ? 0 : residual, steps: k + 1, exhausted }
      }
    }
    beta.push(b)
    for (let i = 0; i < n; i++) w[i] = w[i]! / b
    q.push(w)
  }
}

/** The top eigenpair of a symmetric tridiagonal matrix: bisection for the value, inverse iteration for the vector. */
function tridiagonalTop(alpha: readonly number[], beta: readonly number[]): { value: number; weights: Float64Array } {
  const k = alpha.length
  const off = (i: number): number => (i < 0 || i >= k - 1 ? 0 : Math.abs(beta[i]!))
  let low = Math.max(...alpha)
  const reach = Math.max(...alpha.map((a, i) => a + off(i - 1) + off(i)))
  const first = (): Float64Array => new Float64Array(k).fill(1, 0, 1)
  if (k === 1 || !(reach > 0)) return { value: reach, weights: first() }
  // Gershgorin's circles, and a little more for their rounding.
  let high = reach * (1 + 2 ** -50)
  const pivots = new Float64Array(k)
  /** high I - T = L D L^T; true when it is positive definite. */
  const factor = (shift: number): boolean => {
    for (let i = 0; i < k; i++) {
      const pivot = shift - alpha[i]! - (i > 0 ? beta[i - 1]! ** 2 / pivots[i - 1]! : 0)
      if (!(pivot > 0)) return false
      pivots[i] = pivot
    }
    return true
  }
  for (let step = 0; step < 80 && high - low > 2 ** -50 * Math.abs(high); step++) {
    const middle = low + (high - low) / 2
    if (factor(middle)) high = middle
    else low = middle
  }
  const weights = new Float64Array(k).fill(1)
  if (!factor(high)) return { value: high, weights: first() }
  for (let iteration = 0; iteration < 4; iteration++) {
    for (let i = 1; i < k; i++) weights[i] = weights[i]! + (beta[i - 1]! / pivots[i - 1]!) * weights[i - 1]!
    for (let i = k - 1; i >= 0; i--)
      weights[i] = weights[i]! / pivots[i]! + (i + 1 < k ? (beta[i]! / pivots[i]!) * weights[i + 1]! : 0)
    if (!normalise(weights)) return { value: high, weights: first() }
  }
  return { value: high, weights }
}

function dot(x: Float64Array, y: Float64Array): number {
  let a = 0
  let b = 0
  let i = 0
  for (; i + 1 < x.length; i += 2) {
    a += x[i]! * y[i]!
    b += x[i + 1]! * y[i + 1]!
  }
  return i < x.length ? a + b + x[i]! * y[i]! : a + b
}

/** Takes the parts along orthonormal vectors out of w, two at a time. */
function orthogonalise(w: Float64Array, q: readonly Float64Array[]): void {
  let i = 0
  for (; i + 1 < q.length; i += 2) {
    const u = q[i]!
    const v = q[i + 1]!
    let a = 0
    let b = 0
    for (let k = 0; k < w.length; k++) {
      const x = w[k]!
      a += u[k]! * x
      b += v[k]! * x
    }
    for (let k = 0; k < w.length; k++) w[k] = w[k]! - a * u[k]! - b * v[k]!
  }
  if (i < q.length) subtract(w, q[i]!, dot(q[i]!, w))
}

/** x -= factor * y */
function subtract(x: Float64Array, y: Float64Array, factor: number): void {
  for (let i = 0; i < x.length; i++) x[i] = x[i]! - factor * y[i]!
}

function normalise(x: Float64Array): boolean {
  const norm = Math.sqrt(dot(x, x))
  if (!(norm > 0) || !Number.isFinite(norm)) return false
  for (let i = 0; i < x.length; i++) x[i] = x[i]! / norm
  return true
}

/** A proved lower bound of an operator norm and the unit vector that shows it. */
export interface AttainedNorm {
  readonly lower: number
  readonly vector: Float64Array
  /** Relative residual of the eigenpair: how near `lower` is believed to be to the norm. Not a bound. */
  readonly residual: number
}

/**
 * Lower bound of the norm of a linear map: the Rayleigh quotient |T x| / |x| of the vector found by Lanczos on TᵀT, minus what
 * rounding may have added.
 * @param apply x of length n -> T x (a fresh or reused array)
 * @param adjoint y -> Tᵀ y; need not be exact, a wrong adjoint only makes the bound weaker
 * @param errorOf upper bound of |fl(T x) - T x| for the arrays that `apply` was given and returned
 */
export function lanczosLower(
  apply: (x: Float64Array) => Float64Array,
  adjoint: (y: Float64Array) => Float64Array,
  n: number,
  errorOf: (x: Float64Array, y: Float64Array) => number,
  options: LanczosOptions = {},
): AttainedNorm {
  const { vector, residual } = lanczosTop((x, y) => y.set(adjoint(apply(x))), n, options)
  return { lower: quotient(apply, vector, errorOf), vector, residual }
}

/** |T x| / |x|, rounded down: a lower bound of the norm of T for any x. */
export function quotient(
  apply: (x: Float64Array) => Float64Array,
  x: Float64Array,
  errorOf: (x: Float64Array, y: Float64Array) => number,
): number {
  const image = apply(x)
  const length = vectorNormLower(image) - errorOf(x, image)
  const size = vectorNormUpper(x)
  const lower = length > 0 && size > 0 && Number.isFinite(size) ? downward(length / size, 4) : 0
  return Number.isFinite(lower) ? lower : 0
}
