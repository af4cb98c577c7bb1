/**
 * The a-priori errors: each is at least what its derivation asks for, and each enters the bound that it belongs to. Ordinary
 * roundings are far smaller and a dropped term would show in no comparison with a dense SVD.
 */
import { describe, expect, it } from 'vitest'
import { choleskySlack } from '../../../src/linalg/cholesky.ts'
import { gamma, UNIT } from '../../../src/linalg/rounding.ts'
import { TWIDDLE_ERROR } from '../../../src/linalg/twiddles.ts'
import { verifyGrid } from '../../../src/lipschitz/norms/embedding.ts'
import { boundGram, finiteGram, planFinite } from '../../../src/lipschitz/norms/finite-gram.ts'
import { axesOf, type Window, windowOf } from '../../../src/lipschitz/norms/geometry.ts'
import { gramSymbol, PHASE_ERROR } from '../../../src/lipschitz/norms/gram-symbol.ts'
import { absoluteNorm, encloseCircular, encloseConvolution, encloseMatrix } from '../../../src/lipschitz/norms/index.ts'
import { gramOf, schurSquare } from '../../../src/lipschitz/norms/matrix.ts'
import { type PhaseKernel, phaseKernel } from '../../../src/lipschitz/norms/phase-kernel.ts'
import { boundByStrip } from '../../../src/lipschitz/norms/strip.ts'
import { symbolCheck } from '../../../src/lipschitz/norms/symbol-check.ts'
import { probeSymbol } from '../../../src/lipschitz/norms/symbol-probe.ts'
import { boundByTorus } from '../../../src/lipschitz/norms/torus.ts'
import type { ConvolutionStructure } from '../../../src/ops/operator.ts'
import { integer } from '../../linalg/integer.ts'
import { convolution } from './dense-operator.ts'

function partsOf(structure: ConvolutionStructure) {
  const axes = axesOf(structure)
  const windows = axes.map(windowOf) as Window[]
  const { dims, data } = structure.weights
  const weights = { out: dims[0]!, in: dims[1]!, data }
  return { axes, windows, weights, kernel: phaseKernel(weights, axes, windows)! }
}

/** A 3 x 2 kernel on a 5 x 4 map, 2 to 3 channels, with entries of both signs in [1/2, 1). */
const sample = convolution(
  [3, 2, 3, 2],
  Float64Array.from({ length: 36 }, (_, k) => (k % 3 === 0 ? -1 : 1) * (0.5 + ((k * 0.618) % 1) / 2)),
  [5, 4],
  { padsBegin: [1, 0], padsEnd: [1, 1] },
)

/** So large a || |T| ||² that an error relative to it shows. */
const LARGE = 2 ** 44
const inflated = (kernel: PhaseKernel): PhaseKernel => ({ ...kernel, absoluteSquare: LARGE })

describe('the size of each error', () => {
  const { axes, weights, kernel } = partsOf(sample)

  it('Gram matrices of operators and matrices: one rounding a product and one an addition', () => {
    for (const side of ['input', 'output'] as const) {
      const [taps, long] = [6, side === 'input' ? 3 : 2]
      const { error } = finiteGram(weights, { ...planFinite(weights, axes), side }, 1)
      expect(error).toBeGreaterThanOrEqual(gamma(taps * long))
    }
    expect(gramOf(new Float64Array(6), 2, 3, 1).error).toBeGreaterThanOrEqual(gamma(3))
    expect(gramOf(new Float64Array(400), 2, 200, 7).error).toBeGreaterThanOrEqual(7 * gamma(200))
    expect(gramOf(new Float64Array(400), 200, 2, 7).error).toBeGreaterThanOrEqual(7 * gamma(200))
  })

  it('the symbol: sums over taps and channels, even and odd parts, offsets, and the phases, in two parts', () => {
    expect(PHASE_ERROR).toBeGreaterThanOrEqual(3 * Math.SQRT2 * (TWIDDLE_ERROR + 2 * UNIT))
    const { count, long } = kernel
    const symbol = gramSymbol(kernel)
    const each = gamma(count * long + 1 + symbol.count + 1) + PHASE_ERROR
    expect(symbol.error).toBeGreaterThanOrEqual(Math.SQRT2 * each * kernel.absoluteSquare)
    const square = partsOf(convolution([1, 1, 15, 15], new Float64Array(225).fill(1), [20, 20])).kernel
    const many = gramSymbol(square)
    const sum = gamma(225 + 1 + many.count + 1) + PHASE_ERROR
    expect(many.error).toBeGreaterThanOrEqual(Math.SQRT2 * sum * square.absoluteSquare)
    const wide = partsOf(convolution([1, 4000, 2], new Float64Array(8000).fill(1), [4])).kernel
    expect(gramSymbol(wide).error).toBeGreaterThanOrEqual(Math.SQRT2 * gamma(8000) * wide.absoluteSquare)
  })

  it('the check of the symbol: factorisation, symbol, diagonal', () => {
    const symbol = { ...gramSymbol(kernel), error: 2 ** -20 }
    const rest = symbolCheck(symbol).slack(5) - 2 ** -20
    expect(rest).toBeGreaterThanOrEqual(choleskySlack(symbol.size, symbol.size * 5, 'complex') + 5 * UNIT)
    // The diagonal alone.
    const bare = symbolCheck({ ...symbol, error: 0 }).slack(5) - choleskySlack(symbol.size, symbol.size * 5, 'complex')
    expect(bare).toBeGreaterThanOrEqual(5 * UNIT)
  })
})

describe('what enters a bound', () => {
  const { axes, windows, weights, kernel } = partsOf(sample)
  const symbol = gramSymbol(kernel)
  const probe = probeSymbol(symbol)
  const periods = windows.map((window) => window.period)

  it('a ladder of shifts', () => {
    const n = 200
    const gram = {
      size: n,
      halfWidth: 0,
      addRow: (i: number, target: Float64Array, at: number) => {
        target[at + i] += 1
      },
    }
    const rung = 1 + 2e-9
    const plain = boundGram({ ...gram, error: 0 }, 1, 9)
    expect(plain - rung).toBeGreaterThanOrEqual(choleskySlack(n, n * rung, 'real') + UNIT)
    expect(boundGram({ ...gram, error: 0.25 }, 1, 9)).toBeGreaterThanOrEqual(plain + 0.25)
    const gramOfOperator = finiteGram(weights, planFinite(weights, axes), LARGE)
    const [small, large] = [finiteGram(weights, planFinite(weights, axes), 1), gramOfOperator].map((found) =>
      boundGram(found, 400, 1e9),
    ) as [number, number]
    expect(large - small).toBeGreaterThanOrEqual(0.99 * gramOfOperator.error)
  })

  it('a grid and the torus', () => {
    const error = 0.25
    const worse = { ...symbol, error }
    const twists = [0, 1]
    const grid = [symbol, worse].map((s) => verifyGrid(s, periods, twists, probe, 1e9).square) as [number, number]
    expect(grid[1] - grid[0]).toBeGreaterThanOrEqual(error * (1 - 1e-9))
    const torus = [symbol, worse].map((s) => boundByTorus(s, probe, 1e9).square) as [number, number]
    expect(torus[1] - torus[0]).toBeGreaterThanOrEqual(error * (1 - 1e-3))
  })

  it('a strip: two sums of phases, two parts of each factor', () => {
    for (const axis of [0, 1]) {
      const [plain, large] = [kernel, inflated(kernel)].map((k) =>
        boundByStrip(k, windows, { periods, theta: [0, 0.5] }, axis, 4, 1e9),
      ) as [number, number]
      const { long, count, extents } = kernel
      const least = 2 * Math.SQRT2 * (gamma(2 * long + 2 * count + extents[axis]!) + 2 * PHASE_ERROR) * LARGE
      expect(large - plain).toBeGreaterThanOrEqual(least)
    }
  })

  it('a strip: the factorisation and its diagonal', () => {
    const window = windows[0]!
    const size = kernel.short * (kernel.shortIs === 'output' ? window.rows : window.columns)
    // So far above the truth that it passes at once.
    const passed = 1e6 * (1 + 1e-9)
    const weightless = { ...kernel, absoluteSquare: 0 }
    const found = boundByStrip(weightless, windows, { periods, theta: [0, 0.5] }, 0, 1e6, 1e9)
    expect(found - passed).toBeGreaterThanOrEqual(choleskySlack(size, size * passed, 'complex') + 1.5 * UNIT * passed)
  })
})

describe('long sums whose roundings all go one way', () => {
  // Within a binade, equal summands round by the same amount each.
  const constants = Array.from({ length: 24 }, (_, k) => 0.5 + (((k + 1) * 0.6180339887) % 1) / 2)
  const n = 4096

  it('lower sides pay for the products that they applied', () => {
    for (const c of constants) {
      const row = new Float64Array(n).fill(c)
      const square = BigInt(n) * integer(c) ** 2n
      const bounds = {
        row: encloseMatrix({ matrix: { type: 'float64', dims: [1, n], data: row } }),
        column: encloseMatrix({ matrix: { type: 'float64', dims: [n, 1], data: row } }),
        channels: encloseConvolution(convolution([1, n, 1], row, [1])),
        filters: encloseConvolution(convolution([n, 1, 1], row, [1])),
        circular: encloseCircular(convolution([1, n, 1], row, [1]))!,
      }
      for (const [name, { lower, upper }] of Object.entries(bounds)) {
        expect(integer(lower) ** 2n <= square, `${name} ${c}: lower`).toBe(true)
        expect(integer(upper) ** 2n >= square, `${name} ${c}: upper`).toBe(true)
        expect(lower, `${name} ${c}`).toBeGreaterThan(0.999 * c * Math.sqrt(n))
      }
    }
  })

  it("Schur's bounds pay for their sums", () => {
    for (const c of constants) {
      const row = new Float64Array(n).fill(c)
      const sum = BigInt(n) * integer(c)
      for (const [rows, columns] of [
        [1, n],
        [n, 1],
      ] as const) {
        expect(integer(schurSquare(row, rows, columns)) << 1074n >= sum * integer(c)).toBe(true)
        const { kernel } = partsOf(convolution([rows, columns, 1], row, [1]))
        const scaled = integer(c) // c lies in [1/2, 1): nothing is scaled
        expect(integer(kernel.absoluteSquare) << 1074n >= sum * scaled).toBe(true)
      }
      // Taps are summed, too.
      const taps = convolution([1, 1, n], row, [1], { padsBegin: [n - 1], padsEnd: [n - 1] })
      expect(integer(partsOf(taps).kernel.absoluteSquare) << 1074n >= sum ** 2n).toBe(true)
      expect(integer(absoluteNorm(taps)) >= sum).toBe(true)
    }
  })
})
