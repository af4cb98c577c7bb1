/**
 * Upper sides are proofs, however bad the search that led to them: estimates that are far too small, probes that lie. In
 * ordinary runs Lanczos is so good that a wrong Gram matrix would hide behind it.
 */
import { describe, expect, it } from 'vitest'
import { choleskySlack } from '../../src/linalg/cholesky.ts'
import { normalVector } from '../../src/linalg/normal-vector.ts'
import { singularValues } from '../../src/linalg/singular-values.ts'
import { verifyGrid } from '../../src/lipschitz/norms/embedding.ts'
import { boundGram, type FiniteGram, finiteGram, planFinite } from '../../src/lipschitz/norms/finite-gram.ts'
import { axesOf, type Window, windowOf } from '../../src/lipschitz/norms/geometry.ts'
import { type GramSymbol, gramSymbol } from '../../src/lipschitz/norms/gram-symbol.ts'
import { gramOf, schurSquare } from '../../src/lipschitz/norms/matrix.ts'
import { phaseKernel } from '../../src/lipschitz/norms/phase-kernel.ts'
import { boundByStrip } from '../../src/lipschitz/norms/strip.ts'
import type { Probe } from '../../src/lipschitz/norms/symbol-probe.ts'
import { boundByTorus } from '../../src/lipschitz/norms/torus.ts'
import type { ConvolutionStructure } from '../../src/ops/operator.ts'
import { denseNorm } from '../lipschitz/norms/dense-operator.ts'
import { randomConvolution } from '../lipschitz/norms/random-geometry.ts'

/** Says that the symbol is tiny everywhere. */
const lying = (symbol: GramSymbol, value: number): Probe => ({
  best: {
    frequency: { numerators: symbol.extents.map(() => 0), denominators: symbol.extents.map(() => 1) },
    vector: new Float64Array(2 * symbol.size),
    value,
  },
  estimate: () => 0,
})

/** Random convolutions of one group and ordinary size, with what the proofs are made of. */
function* geometries(count: number) {
  for (let seed = 0, found = 0; found < count; seed++) {
    const structure: ConvolutionStructure & { label: string } = randomConvolution([0x5ea, seed], 60)
    if (structure.groups !== 1 || ['tiny', 'huge', 'denormal'].includes(structure.label)) continue
    const axes = axesOf(structure)
    const windows = axes.map(windowOf)
    if (windows.includes(undefined)) continue
    const weights = { out: structure.weights.dims[0]!, in: structure.weights.dims[1]!, data: structure.weights.data }
    const kernel = phaseKernel(weights, axes, windows as Window[])
    if (!kernel) continue
    found++
    yield { seed, axes, windows: windows as Window[], weights, kernel, truth: denseNorm(structure) }
  }
}

/** The ladder from an estimate far below: rungs below the truth have to fail. */
const fromBelow = (gram: FiniteGram, truth: number): number => boundGram(gram, truth * truth * 0.3, 1e9, 20)

describe('a bad start makes a bound loose, never wrong', () => {
  it('finite operators', () => {
    for (const { seed, axes, weights, kernel, truth } of geometries(60)) {
      const square = kernel.absoluteSquare * 4 ** kernel.exponent
      const found = fromBelow(finiteGram(weights, planFinite(weights, axes), square), truth)
      expect(Math.sqrt(found), `seed ${seed}`).toBeGreaterThanOrEqual(truth * (1 - 1e-12))
    }
  })

  it('matrices, both sides', () => {
    for (const [rows, columns] of [
      [1, 7],
      [5, 5],
      [9, 40],
      [40, 9],
      [35, 70],
    ] as const) {
      const data = normalVector(rows * columns, rows, columns)
      const truth = singularValues(data, rows, columns)[0]!
      const gram = gramOf(data, rows, columns, schurSquare(data, rows, columns))
      expect(Math.sqrt(fromBelow(gram, truth)), `${rows} x ${columns}`).toBeGreaterThanOrEqual(truth * (1 - 1e-12))
      // Every entry is there.
      const short = Math.min(rows, columns)
      const trace = Array.from({ length: short }, (_, i) => {
        const row = new Float64Array(short)
        gram.addRow(i, row, 0)
        return row[i]!
      })
      const squares = data.reduce((sum, value) => sum + value * value, 0)
      expect(trace.reduce((a, b) => a + b, 0)).toBeCloseTo(squares, 9)
    }
  })

  it('embeddings and strips', () => {
    for (const { seed, windows, kernel, truth } of geometries(40)) {
      const symbol = gramSymbol(kernel)
      const periods = symbol.extents.map((extent, d) => (extent === 1 ? 1 : windows[d]!.period))
      const twists = symbol.extents.map((extent) => (extent === 1 ? 0 : seed % 2))
      const grid = verifyGrid(symbol, periods, twists, lying(symbol, 0), kernel.absoluteSquare)
      const scale = 2 ** kernel.exponent
      expect(Math.sqrt(grid.square) * scale, `seed ${seed}`).toBeGreaterThanOrEqual(truth * (1 - 1e-12))
      const axis = symbol.extents.findIndex((extent) => extent > 1)
      if (axis < 0 || kernel.rank === 1) continue
      const strip = boundByStrip(kernel, windows, grid, axis, 1e-12, grid.square)
      expect(Math.sqrt(strip) * scale, `seed ${seed}, strip`).toBeGreaterThanOrEqual(truth * (1 - 1e-12))
    }
  })

  it('the torus, between the points of its finest grid', () => {
    for (const taps of [
      [1, 0.3, -0.7],
      [0.5, -1, 0.5, 0.2],
      [1, 0, 0, 0.9, -0.4],
    ]) {
      const weights = { out: 1, in: 1, data: Float64Array.from(taps) }
      const axis = { size: 1, kernel: taps.length, stride: 1, dilation: 1, begin: 0, outputs: 1 }
      const kernel = phaseKernel(weights, [axis], undefined)!
      const symbol = gramSymbol(kernel)
      const at = (w: number): number =>
        Math.hypot(
          taps.reduce((sum, tap, t) => sum + tap * Math.cos(w * t), 0),
          taps.reduce((sum, tap, t) => sum + tap * Math.sin(w * t), 0),
        )
      let best = 0
      for (let k = 0; k <= 20_000; k++) if (at((Math.PI * k) / 20_000) > at(best)) best = (Math.PI * k) / 20_000
      // The maximum is flat: steps of a hundredth of the grid find it to 1e-12.
      for (let step = 1e-4; step > 1e-9; step /= 2)
        for (const w of [best - step, best + step]) if (at(w) > at(best)) best = w
      const { square } = boundByTorus(symbol, lying(symbol, 0.1), kernel.absoluteSquare)
      expect(Math.sqrt(square) * 2 ** kernel.exponent).toBeGreaterThanOrEqual(at(best) * (1 - 1e-13))
    }
  })
})

it('the slack of a factorisation is at least that of Higham, theorem 10.3', () => {
  for (const n of [1, 2, 10, 300])
    for (const field of ['real', 'complex'] as const) {
      const roundings = field === 'real' ? n + 1 : Math.SQRT2 * (2 * n + 1)
      expect(choleskySlack(n, 5, field)).toBeGreaterThanOrEqual(roundings * 2 ** -53 * 5)
    }
})
