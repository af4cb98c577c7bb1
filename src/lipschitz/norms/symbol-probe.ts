/**
 * Where the symbol is large: an untrusted search. Top eigenvectors v at a coarse grid give scalar trigonometric polynomials v*G(w)v <= |F(w)|²
 * that are cheap to evaluate anywhere; they choose the embedding and order the work, and prove nothing.
 * @module
 */
import { lanczosTop } from '../../linalg/lanczos.ts'
import { evaluateSymbol, type Frequency, type GramSymbol, phaseOf } from './gram-symbol.ts'

export interface Probe {
  /** max over the probes of v*G(w)v, from the phases of w. */
  estimate(cos: Float64Array, sin: Float64Array): number
  /** The best point met, with its eigenvector (real parts, then imaginary parts) and value. */
  readonly best: { readonly frequency: Frequency; readonly vector: Float64Array; readonly value: number }
}

/** Scratch space for one symbol. */
export interface Scratch {
  readonly cos: Float64Array
  readonly sin: Float64Array
  readonly re: Float64Array
  readonly im: Float64Array
}

export function createScratch(symbol: GramSymbol): Scratch {
  const packed = symbol.zero.length
  return {
    cos: new Float64Array(symbol.count),
    sin: new Float64Array(symbol.count),
    re: new Float64Array(packed),
    im: new Float64Array(packed),
  }
}

/** Approximate top eigenpair of the packed Hermitian matrix in the scratch space. */
export function topOf(scratch: Scratch, size: number, steps: number, start?: Float64Array) {
  const { re, im } = scratch
  if (size === 1) return { value: re[0]!, vector: Float64Array.of(1, 0), residual: 0 }
  // A Hermitian matrix of size n is a real symmetric one of size 2n on (real parts, imaginary parts).
  const multiply = (x: Float64Array, y: Float64Array) => {
    for (let i = 0, k = 0; i < size; i++) {
      let a = 0
      let b = 0
      const p = x[i]!
      const q = x[size + i]!
      for (let j = 0; j < i; j++, k++) {
        const g = re[k]!
        const h = im[k]!
        const u = x[j]!
        const v = x[size + j]!
        a += g * u - h * v
        b += g * v + h * u
        y[j] += g * p + h * q
        y[size + j] += g * q - h * p
      }
      y[i] = a + re[k]! * p
      y[size + i] = b + re[k]! * q
      k++
    }
  }
  return lanczosTop(multiply, 2 * size, { steps, tolerance: 1e-11, seed: 7, ...(start ? { start } : {}) })
}

const PROBES = 16

export function probeSymbol(symbol: GramSymbol, scratch = createScratch(symbol)): Probe {
  const { rank, size, extents } = symbol
  const denominators = extents.map((k) =>
    k === 1 ? 1 : Math.min(16, (rank > 2 ? 2 : 4) * (rank > 2 ? k : Math.ceil(k / 2))),
  )
  const found: { frequency: Frequency; vector: Float64Array; value: number }[] = []
  let previous: Float64Array | undefined
  const visit = (frequency: Frequency, steps: number, start?: Float64Array) => {
    phaseOf(symbol, frequency, scratch.cos, scratch.sin)
    evaluateSymbol(symbol, scratch.cos, scratch.sin, scratch.re, scratch.im)
    const { value, vector } = topOf(scratch, size, steps, start)
    found.push({ frequency, vector, value })
    return vector
  }
  for (const frequency of halfGrid(
    denominators,
    extents.map(() => 0),
  ))
    previous = visit(frequency, 8, previous)
  found.sort((a, b) => b.value - a.value)
  const kept = found.slice(0, PROBES)
  // The peak lies between coarse points: follow the best polynomials to it.
  const fine = denominators.map((n) => (n === 1 ? 1 : n * 4))
  const seeds = kept
    .slice(0, 4)
    .map(({ vector, value }) => ({ polynomial: polynomialOf(symbol, vector), vector, value }))
  const fineGrid =
    seeds.length > 0
      ? [
          ...halfGrid(
            fine,
            extents.map(() => 0),
          ),
        ].slice(0, 4096)
      : []
  for (const { polynomial, vector } of seeds) {
    let best: Frequency | undefined
    let value = Number.NEGATIVE_INFINITY
    for (const frequency of fineGrid) {
      phaseOf(symbol, frequency, scratch.cos, scratch.sin)
      const here = evaluatePolynomial(polynomial, scratch.cos, scratch.sin)
      if (here > value) {
        value = here
        best = frequency
      }
    }
    if (best) visit(best, 16, vector)
  }
  found.sort((a, b) => b.value - a.value)
  const polynomials = found.slice(0, PROBES).map(({ vector }) => polynomialOf(symbol, vector))
  return {
    best: found[0]!,
    estimate(cos, sin) {
      let most = Number.NEGATIVE_INFINITY
      for (let p = 0; p < polynomials.length; p++) {
        const value = evaluatePolynomial(polynomials[p]!, cos, sin)
        if (value > most) most = value
      }
      return most
    },
  }
}

/**
 * One of each pair {w, -w} of the grid w_k = 2 pi (2 j_k + twist_k) / (2 m_k), twist_k in {0, 1}: G(-w) is the conjugate of G(w).
 * For a twist of 1 the partner of j is -j - 1.
 */
export function* halfGrid(periods: readonly number[], twists: readonly number[]): Generator<Frequency> {
  const rank = periods.length
  const j = new Array<number>(rank).fill(0)
  const denominators = periods.map((m) => 2 * m)
  for (;;) {
    let order = 0
    for (let k = 0; k < rank && order === 0; k++) {
      const partner = (2 * periods[k]! - j[k]! - twists[k]!) % periods[k]!
      order = Math.sign(j[k]! - partner)
    }
    if (order <= 0) yield { numerators: j.map((x, k) => 2 * x + twists[k]!), denominators }
    let k = rank - 1
    while (k >= 0 && ++j[k]! === periods[k]) j[k--] = 0
    if (k < 0) return
  }
}

interface Polynomial {
  readonly constant: number
  readonly cos: Float64Array
  readonly sin: Float64Array
}

/** v*G(w)v as a polynomial in the cosines and sines of w.d. */
function polynomialOf(symbol: GramSymbol, vector: Float64Array): Polynomial {
  const { size, count } = symbol
  const re = new Float64Array(symbol.zero.length)
  const im = new Float64Array(symbol.zero.length)
  for (let i = 0, k = 0; i < size; i++) {
    for (let j = 0; j < i; j++, k++) {
      re[k] = 2 * (vector[i]! * vector[j]! + vector[size + i]! * vector[size + j]!)
      im[k] = -2 * (vector[i]! * vector[size + j]! - vector[size + i]! * vector[j]!)
    }
    re[k] = vector[i]! ** 2 + vector[size + i]! ** 2
    k++
  }
  const against = (a: Float64Array, b: Float64Array) => {
    let sum = 0
    for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!
    return sum
  }
  return {
    constant: against(symbol.zero, re),
    cos: Float64Array.from({ length: count }, (_, e) => against(symbol.even[e]!, re)),
    sin: Float64Array.from({ length: count }, (_, e) => against(symbol.odd[e]!, im)),
  }
}

function evaluatePolynomial(p: Polynomial, cos: Float64Array, sin: Float64Array): number {
  let sum = p.constant
  for (let e = 0; e < cos.length; e++) sum += p.cos[e]! * cos[e]! + p.sin[e]! * sin[e]!
  return sum
}
