/**
 * The Gram symbol G(w) = F(w) F(w)* of a phase kernel on its short side, F(w) = sum_t P_t e^{-iw.t}, as a real trigonometric polynomial:
 * G(w) = A_0 + sum_{d > 0} (A_d e^{iw.d} + A_dᵀ e^{-iw.d}), A_d = sum_t P_t P_{t+d}ᵀ. Its largest eigenvalue is |F(w)|².
 * @module
 */
import { addProductTransposed } from '../../linalg/product.ts'
import { gamma } from '../../linalg/rounding.ts'
import { TWIDDLE_ERROR, type Twiddles, twiddles } from '../../linalg/twiddles.ts'
import type { PhaseKernel } from './phase-kernel.ts'

export interface GramSymbol {
  readonly size: number
  readonly rank: number
  readonly extents: readonly number[]
  /** Offsets d > 0 (lexicographically), `count * rank`. */
  readonly offsets: Int32Array
  readonly count: number
  /** Lower triangles, packed by rows: A_0, then for every offset A_d + A_dᵀ and A_d - A_dᵀ. */
  readonly zero: Float64Array
  readonly even: readonly Float64Array[]
  readonly odd: readonly Float64Array[]
  /** Upper bound of the norm of (computed G(w) - G(w)) for every w whose phases come from `phaseOf`. */
  readonly error: number
}

export function gramSymbol(kernel: PhaseKernel): GramSymbol {
  const { rank, count, short, long, data, positions } = kernel
  const square = short * short
  const full = new Map<string, { offset: number[]; sum: Float64Array; pairs: number }>()
  const zero: Float64Array = new Float64Array(square)
  for (let s = 0; s < count; s++)
    for (let t = 0; t < count; t++) {
      const offset = Array.from({ length: rank }, (_, d) => positions[t * rank + d]! - positions[s * rank + d]!)
      const sign = offset.find((x) => x !== 0) ?? 0
      if (sign < 0) continue
      let sum = zero
      if (sign > 0) {
        const key = offset.join()
        let entry = full.get(key)
        if (!entry) full.set(key, (entry = { offset, sum: new Float64Array(square), pairs: 0 }))
        sum = entry.sum
      }
      addProductTransposed(
        sum,
        0,
        short,
        data,
        s * short * long,
        long,
        data,
        t * short * long,
        long,
        short,
        short,
        long,
      )
    }
  const packed = (short * (short + 1)) / 2
  const entries = [...full.values()]
  const even = entries.map(() => new Float64Array(packed))
  const odd = entries.map(() => new Float64Array(packed))
  const lower = new Float64Array(packed)
  for (let i = 0, k = 0; i < short; i++)
    for (let j = 0; j <= i; j++, k++) {
      lower[k] = zero[i * short + j]!
      for (let e = 0; e < entries.length; e++) {
        const { sum } = entries[e]!
        const a = sum[i * short + j]!
        const b = sum[j * short + i]!
        even[e]![k] = a + b
        odd[e]![k] = a - b
      }
    }
  return {
    size: short,
    rank,
    extents: kernel.extents,
    offsets: Int32Array.from(entries.flatMap(({ offset }) => offset)),
    count: entries.length,
    zero: lower,
    even,
    odd,
    error: symbolError(kernel, entries.length),
  }
}

/**
 * Every entry of the real or imaginary part is a sum of products of weights times a cosine or sine. Products and correlation
 * sums cost g(count long), even/odd parts and the sum over offsets g(offsets + 3), the phase an absolute error; all relative to
 * sum_d (|P| * |P|)_d = (SSᵀ), S = sum_t |P_t|. Two parts: factor 2. The norm of the entrywise bound is at most g |S|_1 |S|_inf.
 */
function symbolError({ count, long, absoluteSquare }: PhaseKernel, offsets: number): number {
  return 2 * (gamma(count * long + offsets + 12) + PHASE_ERROR) * (1 + 2 ** -20) * absoluteSquare
}

/** Three complex factors of error sqrt(2) TWIDDLE_ERROR each, and their products. */
export const PHASE_ERROR = 8 * TWIDDLE_ERROR

/** A frequency as integers: w_k = 2 pi numerator_k / denominator_k. */
export interface Frequency {
  readonly numerators: readonly number[]
  readonly denominators: readonly number[]
}

const tables = new Map<number, Twiddles>()

function tableOf(n: number): Twiddles {
  let table = tables.get(n)
  if (!table) {
    if (tables.size > 64) tables.clear()
    tables.set(n, (table = twiddles(n)))
  }
  return table
}

/** cos(w.d) and sin(w.d) for every offset of the symbol. */
export function phaseOf(symbol: GramSymbol, frequency: Frequency, cos: Float64Array, sin: Float64Array): void {
  const { numerators, denominators } = frequency
  const { rank, count, offsets } = symbol
  const tables = denominators.map(tableOf)
  for (let e = 0; e < count; e++) {
    let c = 1
    let s = 0
    for (let d = 0; d < rank; d++) {
      const offset = offsets[e * rank + d]!
      if (offset === 0) continue
      const n = denominators[d]!
      const k = (numerators[d]! * offset) % n
      const at = k < 0 ? k + n : k
      const x = tables[d]!.cos[at]!
      const y = tables[d]!.sin[at]!
      const next = c * x - s * y
      s = c * y + s * x
      c = next
    }
    cos[e] = c
    sin[e] = s
  }
}

/** Packed lower triangle of G(w) from the phases of w. */
export function evaluateSymbol(
  symbol: GramSymbol,
  cos: Float64Array,
  sin: Float64Array,
  re: Float64Array,
  im: Float64Array,
): void {
  re.set(symbol.zero)
  im.fill(0)
  for (let e = 0; e < symbol.count; e++) {
    const even = symbol.even[e]!
    const odd = symbol.odd[e]!
    const c = cos[e]!
    const s = sin[e]!
    for (let k = 0; k < re.length; k++) {
      re[k] += c * even[k]!
      im[k] += s * odd[k]!
    }
  }
}
