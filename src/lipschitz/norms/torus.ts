/**
 * The supremum of |F(w)| over all frequencies, which bounds the convolution for every spatial size and any zero padding (verification
 * notes, 1.1, 1.3).
 *
 * For unit a, b the centred p(w) = Re(e^{i phi} a*F(w)b) has exponential type sum_k d_k |w_k|, d_k = (K_k - 1) / 2. If the supremum M is attained at w0
 * in a cell of centre c and half widths h, then |F(c)| >= M cos(sum d_k h_k) (Riesz; Duffin and Schaeffer's form, along the segment).
 * So M <= max over the cells of |F(c)| / cos(sum d_k h_k): cells are split where that is not small enough.
 * @module
 */
import { nextUp } from '../../linalg/rounding.ts'
import { evaluateSymbol, type GramSymbol, phaseOf } from './gram-symbol.ts'
import { symbolCheck } from './symbol-check.ts'
import { createScratch, type Probe } from './symbol-probe.ts'

export interface TorusBound {
  /** Upper bound of |F|² everywhere (scaled weights). */
  readonly square: number
  readonly cells: number
}

interface Cell {
  /** Centre 2 pi (2 index_k + 1) / (2 count_k). */
  readonly index: readonly number[]
  readonly count: readonly number[]
}

const FINEST = 4096

export function boundByTorus(symbol: GramSymbol, probe: Probe, ceiling: number, tolerance = 2e-4): TorusBound {
  const { extents, size } = symbol
  const scratch = createScratch(symbol)
  const check = symbolCheck(symbol)
  // Every so many cells the aim is lowered, so that flat symbols end, too.
  const quota = Math.min(1500, 100 + Math.ceil(2e9 / (size ** 3 + 100 * symbol.count * size)))
  let target = probe.best.value * (1 + tolerance)
  let growth = tolerance
  let square = 0
  let cells = 0
  let visits = 0
  const pending = initialCells(extents)
  while (pending.length > 0) {
    const cell = pending.pop()!
    const { index, count } = cell
    if (++visits % quota === 0) {
      target *= 1 + growth
      growth *= 2
      if (target >= ceiling) return { square: ceiling, cells }
    }
    // An axis of one tap has a constant symbol: its centre is frequency 0.
    const frequency = {
      numerators: index.map((j, d) => (extents[d] === 1 ? 0 : 2 * j + 1)),
      denominators: count.map((n) => 2 * n),
    }
    const distance = extents.reduce((sum, k, d) => sum + (((k - 1) / 2) * Math.PI) / count[d]!, 0) * (1 + 2 ** -45)
    // cos x >= 1 - x²/2: a lower bound that needs no library.
    const factor = (1 - (distance * distance) / 2) * (1 - 2 ** -45)
    const finest = count.every((n, d) => extents[d] === 1 || n >= FINEST)
    phaseOf(symbol, frequency, scratch.cos, scratch.sin)
    const share = target * factor * factor
    if (!(factor > 0.2) || (!finest && probe.estimate(scratch.cos, scratch.sin) > share)) {
      pending.push(...split(cell, extents))
      continue
    }
    evaluateSymbol(symbol, scratch.cos, scratch.sin, scratch.re, scratch.im)
    cells++
    let proved = share
    if (!check.passes(scratch, share)) {
      if (!finest) {
        pending.push(...split(cell, extents))
        continue
      }
      proved = check.raise(scratch, share, ceiling)
      if (proved >= ceiling) return { square: ceiling, cells }
    }
    square = Math.max(square, ((proved + check.slack(proved)) / (factor * factor)) * (1 + 2 ** -48))
  }
  return { square: Math.min(ceiling, nextUp(square)), cells }
}

/** Cells over one half of the torus: |F(-w)| = |F(w)| for real kernels. */
function initialCells(extents: readonly number[]): Cell[] {
  const count = extents.map((k) => (k === 1 ? 1 : 2 ** Math.ceil(Math.log2(2 * k))))
  const halved = extents.findIndex((k) => k > 1)
  let cells: number[][] = [[]]
  count.forEach((n, d) => {
    const range = Array.from({ length: d === halved ? n / 2 : n }, (_, j) => j)
    cells = cells.flatMap((index) => range.map((j) => [...index, j]))
  })
  return cells.map((index) => ({ index, count }))
}

/** Halves the axis along which the symbol may move most. */
function split({ index, count }: Cell, extents: readonly number[]): Cell[] {
  let axis = 0
  for (let d = 1; d < extents.length; d++)
    if ((extents[d]! - 1) / count[d]! > (extents[axis]! - 1) / count[axis]!) axis = d
  const finer = count.map((n, d) => (d === axis ? 2 * n : n))
  return [0, 1].map((half) => ({ index: index.map((j, d) => (d === axis ? 2 * j + half : j)), count: finer }))
}
