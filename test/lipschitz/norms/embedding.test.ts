import { describe, expect, it } from 'vitest'
import { scaleUpperBound } from '../../../src/linalg/power-of-two.ts'
import { singularValues } from '../../../src/linalg/singular-values.ts'
import { boundByEmbedding, verifyGrid } from '../../../src/lipschitz/norms/embedding.ts'
import { axesOf, type Window, windowOf } from '../../../src/lipschitz/norms/geometry.ts'
import { gramSymbol } from '../../../src/lipschitz/norms/gram-symbol.ts'
import { phaseKernel } from '../../../src/lipschitz/norms/phase-kernel.ts'
import { boundByStrip } from '../../../src/lipschitz/norms/strip.ts'
import { halfGrid, probeSymbol } from '../../../src/lipschitz/norms/symbol-probe.ts'
import { boundByTorus } from '../../../src/lipschitz/norms/torus.ts'
import type { ConvolutionStructure } from '../../../src/ops/operator.ts'
import { convolution, denseNorm } from './dense-operator.ts'
import { randomConvolution } from './random-geometry.ts'

/** The symbol machinery for one group, however small the map is (the public function would take the finite operator). */
function symbolOf(structure: ConvolutionStructure) {
  const axes = axesOf(structure)
  const windows = axes.map(windowOf) as Window[]
  if (windows.some((window) => window === undefined)) return undefined
  const { dims, data } = structure.weights
  const kernel = phaseKernel({ out: dims[0]!, in: dims[1]!, data }, axes, windows)
  if (!kernel) return undefined
  const symbol = gramSymbol(kernel)
  const smallest = symbol.extents.map((extent, d) => (extent === 1 ? 1 : windows[d]!.period))
  const norm = (square: number) => scaleUpperBound(Math.sqrt(square) * (1 + 2 ** -50), kernel.exponent)
  return { kernel, windows, symbol, smallest, probe: probeSymbol(symbol), norm }
}

function* oneGroup(key: number, count: number, limit = 100) {
  for (let i = 0, found = 0; found < count; i++) {
    const structure = randomConvolution([key, i], limit)
    if (structure.groups !== 1) continue
    found++
    yield structure
  }
}

const ORACLE = 1 - 1e-12

describe('twisted circulant embedding', () => {
  it('dominates a dense SVD for every twist and every period from the smallest on', { timeout: 600_000 }, () => {
    let attained = Number.POSITIVE_INFINITY
    for (const structure of oneGroup(31, process.env.LIP_ONNX_SLOW ? 3000 : 120)) {
      const truth = denseNorm(structure)
      const found = symbolOf(structure)
      if (!found) continue
      const { kernel, symbol, smallest, probe, norm } = found
      const bound = norm(boundByEmbedding(symbol, smallest, probe, kernel.absoluteSquare).square)
      expect(bound).toBeGreaterThanOrEqual(truth * ORACLE)
      for (const twist of [0, 1])
        for (const more of [0, 1, 3]) {
          const periods = smallest.map((m, d) => (symbol.extents[d] === 1 ? 1 : m + more))
          const twists = smallest.map((_, d) => (symbol.extents[d] === 1 ? 0 : twist))
          const square = verifyGrid(symbol, periods, twists, probe, kernel.absoluteSquare).square
          expect(norm(square)).toBeGreaterThanOrEqual(truth * ORACLE)
          if (truth > 0) attained = Math.min(attained, norm(square) / truth)
        }
    }
    // Sharp: some geometry reaches its bound.
    expect(attained).toBeLessThan(1 + 1e-6)
  })

  it('mutant m_min - 1 is caught', () => {
    let violations = 0
    for (const structure of oneGroup(32, 300)) {
      const found = symbolOf(structure)
      if (!found || found.smallest.every((m) => m === 1)) continue
      const { kernel, symbol, smallest, probe, norm } = found
      const truth = denseNorm(structure)
      for (let axis = 0; axis < smallest.length; axis++) {
        if (smallest[axis]! < 2) continue
        const periods = smallest.map((m, d) => (d === axis ? m - 1 : m))
        for (const twist of [0, 1]) {
          const twists = smallest.map((_, d) => (symbol.extents[d] === 1 ? 0 : twist))
          const { square } = verifyGrid(symbol, periods, twists, probe, kernel.absoluteSquare)
          if (norm(square) < truth * (1 - 1e-9)) violations++
        }
      }
    }
    expect(violations).toBeGreaterThan(3)
  })

  it('half a grid holds one of each pair of conjugate frequencies', () => {
    const grids: readonly { readonly periods: number[]; readonly twists: number[] }[] = [
      { periods: [5], twists: [0] },
      { periods: [5], twists: [1] },
      { periods: [6], twists: [1] },
      { periods: [4, 5], twists: [0, 1] },
      { periods: [3, 4, 2], twists: [1, 0, 1] },
      { periods: [1, 7], twists: [0, 1] },
    ]
    for (const { periods, twists } of grids) {
      const seen = new Set<string>()
      for (const { numerators, denominators } of halfGrid(periods, twists)) {
        expect(denominators).toEqual(periods.map((m) => 2 * m))
        seen.add(numerators.join())
        seen.add(numerators.map((k, d) => ((-k % (2 * periods[d]!)) + 2 * periods[d]!) % (2 * periods[d]!)).join())
      }
      expect(seen.size).toBe(periods.reduce((n, m) => n * m, 1))
    }
  })

  it('a strip bound, exact along one axis, lies between the truth and the embedding', { timeout: 600_000 }, () => {
    let tighter = 0
    let tried = 0
    for (const structure of oneGroup(34, process.env.LIP_ONNX_SLOW ? 1500 : 120)) {
      const found = symbolOf(structure)
      if (!found || found.kernel.rank === 1) continue
      const { kernel, windows, symbol, smallest, probe, norm } = found
      const truth = denseNorm(structure)
      const grid = boundByEmbedding(symbol, smallest, probe, kernel.absoluteSquare)
      const scaled = truth * 2 ** -kernel.exponent
      for (let axis = 0; axis < kernel.rank; axis++) {
        tried++
        // Started at half the truth, at the truth, and from nothing.
        const floor = [0, 0.25, 1][tried % 3]! * scaled ** 2
        const bound = norm(boundByStrip(kernel, windows, grid, axis, floor, kernel.absoluteSquare))
        expect(bound).toBeGreaterThanOrEqual(truth * ORACLE)
        // A strip bound with the same grid on the other axes is never worse than that grid (up to the ladder of the search).
        expect(bound).toBeLessThanOrEqual(norm(grid.square) * (1 + 2e-6))
        if (bound < norm(grid.square) * (1 - 1e-3)) tighter++
      }
    }
    expect(tighter).toBeGreaterThan(tried / 10)
  })

  it('a torus bound dominates the same maps', () => {
    for (const structure of oneGroup(33, 60)) {
      const found = symbolOf(structure)
      if (!found) continue
      const { square } = boundByTorus(found.symbol, found.probe, found.kernel.absoluteSquare)
      expect(found.norm(square)).toBeGreaterThanOrEqual(denseNorm(structure) * ORACLE)
    }
  })
})

/** |F(w)| of a stride-1 kernel at w, by the real form of the complex matrix: independent of the code under test. */
function symbolNorm(structure: ConvolutionStructure, w: readonly number[], kernel: readonly number[]): number {
  const [out, narrow] = structure.weights.dims as [number, number]
  const taps = kernel.reduce((n, k) => n * k, 1)
  const real = new Float64Array(4 * out * narrow)
  for (let o = 0; o < out; o++)
    for (let c = 0; c < narrow; c++) {
      let re = 0
      let im = 0
      for (let t = 0; t < taps; t++) {
        let angle = 0
        for (let d = kernel.length - 1, rest = t; d >= 0; d--) {
          angle += w[d]! * (rest % kernel[d]!)
          rest = Math.floor(rest / kernel[d]!)
        }
        const weight = structure.weights.data[(o * narrow + c) * taps + t]!
        re += weight * Math.cos(angle)
        im -= weight * Math.sin(angle)
      }
      const at = (i: number, j: number) => i * 2 * narrow + j
      real[at(o, c)] = re
      real[at(o + out, c + narrow)] = re
      real[at(o, c + narrow)] = -im
      real[at(o + out, c)] = im
    }
  return singularValues(real, 2 * out, 2 * narrow)[0]!
}

describe('the laws catch the mistakes that the notes warn of', () => {
  const same = (seed: number, n = 6) =>
    convolution([3, 3, 3], normalData(27, seed), [n], { padsBegin: [1], padsEnd: [1] })
  const normalData = (length: number, seed: number) =>
    Float64Array.from({ length }, (_, i) => Math.sin(12.9898 * (i + 1) + 78.233 * seed) * 1.7)
  const grid = (m: number, theta: number) => Array.from({ length: m }, (_, j) => (2 * Math.PI * (j + theta)) / m)

  it('a twist dropped from the partner -j - 2 theta loses frequencies', () => {
    // In two dimensions: the mutant pairs (j, k) with (-j, -k) mod m, which is right for theta = 0 only.
    const m = 7
    const partner = (j: number) => (m - j) % m
    let violations = 0
    for (const [a, b] of [
      [0.2, -0.5],
      [0.4, -1],
      [0.5, -1.3],
    ] as const) {
      // The symbol peaks at +-(a, b), on one of the rows that the mutant cuts short.
      const planted = Float64Array.from({ length: 9 }, (_, t) =>
        Math.cos(a * (Math.floor(t / 3) - 1) + b * ((t % 3) - 1)),
      )
      const structure = convolution([1, 1, 3, 3], planted, [6, 6], { padsBegin: [1, 1], padsEnd: [1, 1] })
      const truth = denseNorm(structure)
      let all = 0
      let kept = 0
      for (let j = 0; j < m; j++)
        for (let k = 0; k < m; k++) {
          const norm = symbolNorm(structure, [grid(m, 0.5)[j]!, grid(m, 0.5)[k]!], [3, 3])
          all = Math.max(all, norm)
          if (j < partner(j) || (j === partner(j) && k <= partner(k))) kept = Math.max(kept, norm)
        }
      expect(all).toBeGreaterThan(truth * ORACLE)
      if (kept < truth * (1 - 1e-9)) violations++
    }
    expect(violations).toBe(3)
  })

  it('the smallest over a grid instead of the largest is below the truth; the largest over theta is loose', () => {
    let unsound = 0
    let looser = 0
    for (let seed = 0; seed < 20; seed++) {
      const structure = same(seed)
      const truth = denseNorm(structure)
      const bounds = [0, 0.5].map((theta) => grid(7, theta).map((w) => symbolNorm(structure, [w], [3])))
      if (Math.max(...bounds.map((b) => Math.min(...b))) < truth * (1 - 1e-6)) unsound++
      const right = Math.min(...bounds.map((b) => Math.max(...b)))
      if (Math.max(...bounds.map((b) => Math.max(...b))) > right * 1.001) looser++
      const found = symbolOf(structure)!
      const ours = found.norm(
        boundByEmbedding(found.symbol, found.smallest, found.probe, found.kernel.absoluteSquare).square,
      )
      // The code takes the better of the two (and of larger periods).
      expect(ours).toBeLessThan(right * (1 + 1e-6))
      expect(ours).toBeGreaterThan(truth * ORACLE)
    }
    expect(unsound).toBe(20)
    expect(looser).toBeGreaterThan(5)
  })

  it('skipping the phases is 20 % and more too large for strides, or too small on the output grid', () => {
    let loose = 0
    let unsound = 0
    for (let seed = 0; seed < 20; seed++) {
      const structure = convolution([2, 2, 3], normalData(12, seed), [16], {
        padsBegin: [1],
        padsEnd: [1],
        strides: [2],
      })
      const truth = denseNorm(structure)
      const strideless = Math.max(...grid(17, 0).map((w) => symbolNorm(structure, [w], [3])))
      if (strideless > 1.2 * truth) loose++
      // Only every other frequency, as if phase 0 were all there is.
      const even = convolution(
        [2, 2, 2],
        [0, 1, 3, 4, 6, 7, 9, 10].map((k) => structure.weights.data[k]!),
        [8],
      )
      if (Math.max(...grid(9, 0).map((w) => symbolNorm(even, [w], [2]))) < truth * 0.99) unsound++
      const found = symbolOf(structure)!
      const { square } = boundByEmbedding(found.symbol, found.smallest, found.probe, found.kernel.absoluteSquare)
      expect(found.norm(square)).toBeLessThan(1.05 * truth)
      expect(found.norm(square)).toBeGreaterThan(truth * ORACLE)
    }
    expect(loose).toBeGreaterThan(10)
    expect(unsound).toBeGreaterThan(5)
  })
})
