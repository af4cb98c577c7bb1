/**
 * The matrices whose definiteness is the proof, entry by entry against the definition, and the tests of definiteness just above and
 * just below the truth. Searches are so good that a wrong matrix would hide behind them.
 */
import { describe, expect, it } from 'vitest'
import { singularValues } from '../../../src/linalg/singular-values.ts'
import { boundGram, finiteGram, planFinite } from '../../../src/lipschitz/norms/finite-gram.ts'
import { axesOf, type Window, windowOf } from '../../../src/lipschitz/norms/geometry.ts'
import { evaluateSymbol, type GramSymbol, gramSymbol, phaseOf } from '../../../src/lipschitz/norms/gram-symbol.ts'
import { type PhaseKernel, phaseKernel } from '../../../src/lipschitz/norms/phase-kernel.ts'
import { boundByStrip } from '../../../src/lipschitz/norms/strip.ts'
import { symbolCheck } from '../../../src/lipschitz/norms/symbol-check.ts'
import { createScratch } from '../../../src/lipschitz/norms/symbol-probe.ts'
import { boundByTorus } from '../../../src/lipschitz/norms/torus.ts'
import type { ConvolutionStructure } from '../../../src/ops/operator.ts'
import { convolution, denseNorm, denseOperator } from './dense-operator.ts'
import { randomConvolution } from './random-geometry.ts'

function* ordinary(key: number, count: number) {
  for (let seed = 0, found = 0; found < count; seed++) {
    const structure: ConvolutionStructure & { label: string } = randomConvolution([key, seed], 60)
    if (structure.groups !== 1 || ['tiny', 'huge', 'denormal'].includes(structure.label)) continue
    const axes = axesOf(structure)
    const windows = axes.map(windowOf)
    if (windows.includes(undefined)) continue
    const weights = { out: structure.weights.dims[0]!, in: structure.weights.dims[1]!, data: structure.weights.data }
    const kernel = phaseKernel(weights, axes, windows as Window[])
    if (!kernel) continue
    found++
    yield { structure, axes, windows: windows as Window[], weights, kernel, seed }
  }
}

/** F(w) F(w)* of a phase kernel, straight from the definition. */
function symbolAt({ count, rank, short, long, positions, data }: PhaseKernel, w: readonly number[]) {
  const re = new Float64Array(short * long)
  const im = new Float64Array(short * long)
  for (let t = 0; t < count; t++) {
    let angle = 0
    for (let d = 0; d < rank; d++) angle += w[d]! * positions[t * rank + d]!
    for (let k = 0; k < re.length; k++) {
      re[k] += Math.cos(angle) * data[t * re.length + k]!
      im[k] -= Math.sin(angle) * data[t * re.length + k]!
    }
  }
  const at = (i: number, j: number): [number, number] => {
    let [x, y] = [0, 0]
    for (let k = 0; k < long; k++) {
      const [p, q, u, v] = [re[i * long + k]!, im[i * long + k]!, re[j * long + k]!, im[j * long + k]!]
      x += p * u + q * v
      y += q * u - p * v
    }
    return [x, y]
  }
  // The real form of F: its largest singular value is |F|.
  const real = new Float64Array(4 * short * long)
  for (let i = 0; i < short; i++)
    for (let k = 0; k < long; k++) {
      real[i * 2 * long + k] = real[(i + short) * 2 * long + k + long] = re[i * long + k]!
      real[i * 2 * long + k + long] = -im[i * long + k]!
      real[(i + short) * 2 * long + k] = im[i * long + k]!
    }
  return { at, norm: singularValues(real, 2 * short, 2 * long)[0]! }
}

it('the symbol is F F* at every frequency, and its check is right on both sides of the norm', () => {
  for (const { kernel, seed } of ordinary(0x51b, 60)) {
    const symbol = gramSymbol(kernel)
    const scratch = createScratch(symbol)
    const denominators = symbol.extents.map((_, d) => 7 + 2 * d)
    const numerators = symbol.extents.map((_, d) => 1 + ((seed + 3 * d) % 6))
    phaseOf(symbol, { numerators, denominators }, scratch.cos, scratch.sin)
    evaluateSymbol(symbol, scratch.cos, scratch.sin, scratch.re, scratch.im)
    const w = numerators.map((k, d) => (2 * Math.PI * k) / denominators[d]!)
    const { at, norm } = symbolAt(kernel, w)
    for (let i = 0, k = 0; i < symbol.size; i++)
      for (let j = 0; j <= i; j++, k++) {
        const [x, y] = at(i, j)
        expect(scratch.re[k], `seed ${seed}`).toBeCloseTo(x, 11)
        expect(scratch.im[k], `seed ${seed}`).toBeCloseTo(y, 11)
      }
    const check = symbolCheck(symbol)
    const square = norm * norm
    expect(check.passes(scratch, square * (1 + 1e-9) + 1e-9)).toBe(true)
    expect(check.passes(scratch, square * (1 - 1e-9) - 1e-9)).toBe(false)
  }
})

it('what cannot be checked has the ceiling', () => {
  const kernel = phaseKernel({ out: 2, in: 2, data: Float64Array.of(1, 2, 3, 4) }, [ONE], undefined)!
  const symbol = gramSymbol(kernel)
  const scratch = createScratch(symbol)
  scratch.re.fill(Number.NaN)
  expect(symbolCheck(symbol).raise(scratch, 0, 17)).toBe(17)
})

const ONE = { size: 1, kernel: 1, stride: 1, dilation: 1, begin: 0, outputs: 1 }

describe('the finite Gram matrix', () => {
  it('has the entries of T*T or TT*, none outside its band or above its diagonal', () => {
    for (const { structure, axes, weights, seed } of ordinary(0xf1a, 80)) {
      const { rows, columns, data } = denseOperator(structure)
      for (const side of ['input', 'output'] as const) {
        const { size, halfWidth, addRow } = finiteGram(weights, { ...planFinite(weights, axes), side }, 1)
        expect(size).toBe(side === 'input' ? columns : rows)
        let [found, whole] = [0, 0]
        const all = Array.from({ length: size }, (_, i) => {
          const row = new Float64Array(size + 8)
          addRow(i, row, 0)
          row.forEach((x, j) => {
            if (j > i || i - j > halfWidth) expect(x, `seed ${seed} ${side} (${i}, ${j})`).toBe(0)
          })
          return row
        })
        // Pixels may be numbered otherwise: the same sum of squares, and the same largest eigenvalue below.
        for (let i = 0; i < size; i++) for (let j = 0; j <= i; j++) found += (i === j ? 1 : 2) * all[i]![j]! ** 2
        const [n, m] = side === 'input' ? [columns, rows] : [rows, columns]
        const entry = (i: number, k: number) => (side === 'input' ? data[k * columns + i]! : data[i * columns + k]!)
        for (let i = 0; i < n; i++)
          for (let j = 0; j < n; j++) {
            let sum = 0
            for (let k = 0; k < m; k++) sum += entry(i, k) * entry(j, k)
            whole += sum * sum
          }
        expect(Math.abs(found - whole)).toBeLessThanOrEqual(1e-10 * (1 + whole))
      }
    }
  })

  it('is not passed just below the truth', () => {
    for (const { structure, axes, weights, kernel, seed } of ordinary(0xbe1, 40)) {
      const truth = denseNorm(structure)
      const absolute = kernel.absoluteSquare * 4 ** kernel.exponent
      for (const side of ['input', 'output'] as const)
        for (const below of [0.1, 1e-2, 1e-4, 1e-6]) {
          const gram = finiteGram(weights, { ...planFinite(weights, axes), side }, absolute)
          const found = boundGram(gram, truth * truth * (1 - below), 1e12, 12)
          expect(Math.sqrt(found), `seed ${seed} ${side} ${below}`).toBeGreaterThanOrEqual(truth * (1 - 1e-12))
        }
    }
  })
})

describe('strips and the torus', () => {
  it('a strip whose first taps meet padding only', () => {
    const data = Float64Array.from({ length: 60 }, (_, k) => Math.sin(1 + 7 * k))
    const structure = convolution([2, 2, 5, 3], data, [2, 6], { padsBegin: [3, 1], padsEnd: [0, 1] })
    const axes = axesOf(structure)
    const windows = axes.map(windowOf) as Window[]
    expect(windows[0]!.low).toBeGreaterThan(0)
    const kernel = phaseKernel({ out: 2, in: 2, data }, axes, windows)!
    const periods = windows.map((window) => window.period)
    for (const axis of [0, 1]) {
      const square = boundByStrip(kernel, windows, { periods, theta: [0, 0] }, axis, 1e-9, 1e9)
      expect(Math.sqrt(square) * 2 ** kernel.exponent).toBeGreaterThanOrEqual(denseNorm(structure) * (1 - 1e-12))
    }
  })

  it('the torus reaches to pi, where alternating kernels peak', () => {
    for (const taps of [
      [1, -1],
      [1, -1, 1],
      [1, -2, 2, -1],
    ]) {
      const kernel = phaseKernel(
        { out: 1, in: 1, data: Float64Array.from(taps) },
        [{ ...ONE, kernel: taps.length }],
        undefined,
      )!
      const symbol: GramSymbol = gramSymbol(kernel)
      const best = {
        frequency: { numerators: [0], denominators: [1] },
        vector: Float64Array.of(1, 0),
        value: 0.01,
      }
      const { square } = boundByTorus(symbol, { best, estimate: () => 0 }, 1e9)
      const truth = taps.reduce((sum, tap) => sum + Math.abs(tap), 0)
      expect(Math.sqrt(square) * 2 ** kernel.exponent).toBeGreaterThanOrEqual(truth)
    }
  })
})
