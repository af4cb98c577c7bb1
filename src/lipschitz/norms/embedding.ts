/**
 * Twisted circulant embedding (docs/soundness.md 2.3): the finite, zero-padded operator is a sub-matrix of an omega-circulant of any
 * period m >= m_min, whose norm is the largest |F| on the grid 2 pi (j + theta) / m. So for every theta and every such m
 *   sigma(T) <= max_j |F(2 pi (j + theta) / m)|,
 * and the smallest of these bounds is the better one. The search for it is untrusted; one Cholesky factorisation per frequency of the
 * chosen grid is the proof.
 * @module
 */
import { nextUp } from '../../linalg/rounding.ts'
import { evaluateSymbol, type Frequency, type GramSymbol, phaseOf } from './gram-symbol.ts'
import { symbolCheck } from './symbol-check.ts'
import { createScratch, halfGrid, type Probe, type Scratch } from './symbol-probe.ts'

export interface GridBound {
  /** Upper bound of |F|² over the grid (scaled weights). */
  readonly square: number
  readonly periods: readonly number[]
  readonly theta: readonly number[]
  readonly frequencies: number
}

interface Candidate {
  readonly periods: readonly number[]
  readonly twists: readonly number[]
  readonly estimate: number
}

/** Number of frequencies of the half grid of the smallest periods. */
export function embeddingFrequencies(symbol: GramSymbol, periods: readonly number[]): number {
  return Math.ceil(symbol.extents.reduce((n, k, d) => n * (k === 1 ? 1 : periods[d]!), 1) / 2) + 1
}

/** @param ceiling an upper bound of |F|² known beforehand */
export function boundByEmbedding(
  symbol: GramSymbol,
  smallest: readonly number[],
  probe: Probe,
  ceiling: number,
): GridBound {
  const scratch = createScratch(symbol)
  const { periods, twists } = chooseGrid(symbol, smallest, probe, scratch)
  return verifyGrid(symbol, periods, twists, probe, ceiling, scratch)
}

function chooseGrid(symbol: GramSymbol, smallest: readonly number[], probe: Probe, scratch: Scratch): Candidate {
  const frequencies = embeddingFrequencies(symbol, smallest)
  const extra = symbol.rank > 2 || frequencies > 2000 ? 1 : 2
  let candidates: { periods: number[]; twists: number[] }[] = [{ periods: [], twists: [] }]
  symbol.extents.forEach((extent, d) => {
    const choices: [number, number][] = []
    // An axis without shifts has a constant symbol: one frequency.
    if (extent === 1) choices.push([1, 0])
    else
      for (let more = 0; more <= extra; more++) for (const twist of [0, 1]) choices.push([smallest[d]! + more, twist])
    candidates = candidates.flatMap(({ periods, twists }) =>
      choices.map(([m, twist]) => ({ periods: [...periods, m], twists: [...twists, twist] })),
    )
  })
  let best: Candidate | undefined
  for (const { periods, twists } of candidates) {
    let estimate = 0
    for (const frequency of halfGrid(periods, twists)) {
      phaseOf(symbol, frequency, scratch.cos, scratch.sin)
      estimate = Math.max(estimate, probe.estimate(scratch.cos, scratch.sin))
      if (best && estimate >= best.estimate) break
    }
    if (!best || estimate < best.estimate) best = { periods, twists, estimate }
  }
  return best!
}

/** Verifies every frequency of one grid; exported for the tests, which feed it grids that are too small. */
export function verifyGrid(
  symbol: GramSymbol,
  periods: readonly number[],
  twists: readonly number[],
  probe: Probe,
  ceiling: number,
  scratch = createScratch(symbol),
): GridBound {
  const check = symbolCheck(symbol)
  const grid: { frequency: Frequency; estimate: number }[] = []
  for (const frequency of halfGrid(periods, twists)) {
    phaseOf(symbol, frequency, scratch.cos, scratch.sin)
    grid.push({ frequency, estimate: probe.estimate(scratch.cos, scratch.sin) })
  }
  // Likely peaks first: once the bound covers them, the others pass at the first attempt.
  grid.sort((a, b) => b.estimate - a.estimate)
  let square = 0
  for (const { frequency } of grid) {
    phaseOf(symbol, frequency, scratch.cos, scratch.sin)
    evaluateSymbol(symbol, scratch.cos, scratch.sin, scratch.re, scratch.im)
    // A frequency that passed below the final square passes for it, too.
    if (square >= ceiling) break
    if (square === 0 || !check.passes(scratch, square)) square = check.raise(scratch, square, ceiling)
  }
  return {
    square: square >= ceiling ? ceiling : nextUp(square + check.slack(square)),
    periods,
    theta: twists.map((twist) => twist / 2),
    frequencies: grid.length,
  }
}
