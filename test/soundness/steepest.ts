/**
 * How steep a function really is: two-point ratios in float64, found by finite-difference Jacobians and hill climbing from
 * points near and far, at zeros and at kinks. Every ratio is attained, so none may exceed a bound.
 * @module
 */
import type { RandomStream } from '../../src/linalg/random.ts'

export type Vector = Float64Array
export type Fn = (x: Vector) => Vector

const norm = (v: ArrayLike<number>): number => {
  let largest = 0
  for (let i = 0; i < v.length; i++) largest = Math.max(largest, Math.abs(v[i]!))
  if (largest === 0 || !Number.isFinite(largest)) return largest
  let sum = 0
  for (let i = 0; i < v.length; i++) sum += (v[i]! / largest) ** 2
  return largest * Math.sqrt(sum)
}

export interface Steepest {
  /** Largest of |f(a) - f(b)| / |a - b|, less what float64 may be off. */
  readonly joint: number
  readonly logit: number
  readonly pair: number
}

/** |f(a) - f(b)| / |a - b| in the three readings, less rounding. */
function ratios(f: Fn, a: Vector, ya: Vector, b: Vector): Steepest {
  const yb = f(b)
  const dx = norm(a.map((v, i) => v - b[i]!))
  const dy = ya.map((v, i) => v - yb[i]!)
  if (!(dx > 0) || !dy.every(Number.isFinite)) return { joint: 0, logit: 0, pair: 0 }
  // Intermediate values may be larger than what is seen: cancellation is paid for with the sizes of inputs as well.
  const off = (norm(ya) + norm(yb) + norm(a) + norm(b)) * 2 ** -44
  let high = 0
  let low = 0
  for (const v of dy) {
    high = Math.max(high, v)
    low = Math.min(low, v)
  }
  const less = (v: number): number => Math.max(0, (v - off) / dx)
  const single = Math.max(high, -low)
  const spread = dy.length > 1 ? Math.max(...dy) - Math.min(...dy) : single
  return { joint: less(norm(dy)), logit: less(single), pair: less(spread) }
}

const larger = (p: Steepest, q: Steepest): Steepest => ({
  joint: Math.max(p.joint, q.joint),
  logit: Math.max(p.logit, q.logit),
  pair: Math.max(p.pair, q.pair),
})

/** Directions worth following at a point: right singular vectors of the finite-difference Jacobian. */
function directions(f: Fn, x: Vector, y: Vector, h: number, r: RandomStream): Vector[] {
  const n = x.length
  const columns: Vector[] = []
  for (let k = 0; k < n; k++) {
    const moved = x.slice()
    moved[k]! += h
    columns.push(f(moved).map((v, i) => (v - y[i]!) / h))
  }
  const back = (u: Vector): Vector =>
    Float64Array.from(columns, (column) => column.reduce((sum, v, i) => sum + v * u[i]!, 0))
  const forth = (v: Vector): Vector => {
    const u = new Float64Array(y.length)
    for (let k = 0; k < n; k++) if (v[k] !== 0) for (let i = 0; i < u.length; i++) u[i]! += columns[k]![i]! * v[k]!
    return u
  }
  let v = Float64Array.from({ length: n }, () => r.normal())
  for (let it = 0; it < 30; it++) {
    const w = back(forth(v))
    const size = norm(w)
    if (!(size > 0) || !Number.isFinite(size)) break
    v = w.map((t) => t / size)
  }
  // The steepest single output, and the steepest difference of two.
  const rows = Array.from(y, (_, i) => Float64Array.from(columns, (column) => column[i]!))
  const sizes = rows.map(norm)
  const top = sizes.indexOf(Math.max(...sizes))
  const found = [v]
  if (top >= 0 && rows[top]) {
    found.push(rows[top])
    let best = rows[top]
    for (const row of rows) {
      const gap = row.map((t, k) => t - rows[top]![k]!)
      if (norm(gap) > norm(best)) best = gap
    }
    found.push(best)
  }
  return found.flatMap((d) => {
    const size = norm(d)
    return size > 0 && Number.isFinite(size) ? [d.map((t) => t / size)] : []
  })
}

/** Hill climbing from many points. */
export function steepest(f: Fn, n: number, r: RandomStream, rounds: number): Steepest {
  let best: Steepest = { joint: 0, logit: 0, pair: 0 }
  for (let round = 0; round < rounds; round++) {
    const size = [1, 0, 0.01, 10, 1000, 1e-6, 3][round % 7]!
    let x: Vector = Float64Array.from({ length: n }, () => size * r.normal())
    // Ties and zeros: where kinks are.
    if (round % 5 === 1) x = x.map((v) => (r.uniform() < 0.4 ? 0 : v))
    if (round % 5 === 2) x = x.map((v) => Math.round(v))
    if (round % 5 === 3) x = x.fill(x[0]!)
    let y = f(x)
    if (!y.every(Number.isFinite)) continue
    for (let climb = 0; climb < 3; climb++) {
      const scale = Math.max(norm(x) / Math.sqrt(n), 1e-3)
      let ahead: Vector | undefined
      let steep = 0
      for (const h of [1e-5 * scale, 1e-2 * scale]) {
        for (const d of directions(f, x, y, h, r)) {
          for (const step of [1e-4, 1e-2, 0.3, -1e-3, -0.3, 2]) {
            const there = x.map((v, k) => v + step * scale * d[k]!)
            const found = ratios(f, x, y, there)
            best = larger(best, found)
            if (found.joint > steep) {
              steep = found.joint
              ahead = there
            }
          }
        }
        if (climb > 0) break
      }
      if (!ahead) break
      // The middle of the best step: where the slope is.
      x = x.map((v, k) => (v + ahead[k]!) / 2 + 1e-3 * scale * r.normal())
      y = f(x)
      if (!y.every(Number.isFinite)) break
    }
  }
  return best
}
