/**
 * Convolution of a periodic signal (a wrap Pad before a Conv): block circulant, so its norm is exactly the largest |F| on the grid
 * 2 pi j / m (Sedghi, Gupta, Long, ICLR 2019), on the phases for strides.
 * @module
 */
import type { Enclosure } from '../../linalg/enclosure.ts'
import { largestMagnitude, scaleLowerBound, scaleUpperBound } from '../../linalg/power-of-two.ts'
import { gamma } from '../../linalg/rounding.ts'
import type { ConvolutionStructure } from '../../ops/operator.ts'
import { verifyGrid } from './embedding.ts'
import { axesOf } from './geometry.ts'
import { evaluateSymbol, type GramSymbol, gramSymbol, phaseOf } from './gram-symbol.ts'
import { distanceTo, largest, rootDown, rootUp, storedRelativeError, widen } from './perturbed.ts'
import { type GroupWeights, phaseKernel } from './phase-kernel.ts'
import { createScratch, halfGrid, type Probe, probeSymbol, topOf } from './symbol-probe.ts'

/**
 * Enclosure of the norm of a convolution whose pads are filled periodically; undefined when it is not circulant (along every axis the
 * outputs times the stride must be the size). Where the signal is padded does not matter: a shift is unitary.
 */
export function encloseCircular(structure: ConvolutionStructure): Enclosure | undefined {
  const axes = axesOf(structure)
  if (!axes.every(({ outputs, stride, size }) => outputs > 0 && outputs * stride === size)) return undefined
  const { weights, groups, perturbation } = structure
  if (!Number.isFinite(largestMagnitude(weights.data)))
    return { lower: 0, upper: Number.POSITIVE_INFINITY, method: 'not-finite' }
  const out = weights.dims[0]! / groups
  const size = weights.data.length / groups
  const parts = Array.from({ length: groups }, (_, g) =>
    encloseGroup({ out, in: weights.dims[1]!, data: weights.data.subarray(g * size, (g + 1) * size) }, axes),
  )
  const absolute = parts.reduce((most, part) => Math.max(most, part.absolute), 0)
  const distance = distanceTo(storedRelativeError(weights.relativeError), absolute, perturbation)
  return widen(largest(parts.map((part) => part.enclosure)), distance)
}

function encloseGroup(weights: GroupWeights, axes: ReturnType<typeof axesOf>) {
  const kernel = phaseKernel(weights, axes, undefined)
  if (!kernel) return { absolute: 0, enclosure: { lower: 0, upper: 0, method: 'zero' } satisfies Enclosure }
  const symbol = gramSymbol(kernel)
  const periods = axes.map((axis, d) => (symbol.extents[d] === 1 ? 1 : axis.outputs))
  const twists = axes.map(() => 0)
  const probe = probeSymbol(symbol)
  const bound = verifyGrid(symbol, periods, twists, probe, kernel.absoluteSquare)
  const lower = rootDown(attainedSquare(symbol, periods, probe, kernel.absoluteSquare))
  return {
    absolute: scaleUpperBound(rootUp(kernel.absoluteSquare), kernel.exponent),
    enclosure: {
      lower: scaleLowerBound(lower * (1 - 2 ** -48), kernel.exponent),
      upper: scaleUpperBound(rootUp(bound.square) * (1 + 2 ** -48), kernel.exponent),
      method: 'circulant',
      details: { periods, frequencies: bound.frequencies },
    } satisfies Enclosure,
  }
}

/** A Rayleigh quotient v*G(w)v / v*v at the grid points where the symbol is believed to be largest, minus its rounding. */
function attainedSquare(symbol: GramSymbol, periods: readonly number[], probe: Probe, absoluteSquare: number): number {
  const scratch = createScratch(symbol)
  const { size } = symbol
  const points = [
    ...halfGrid(
      periods,
      periods.map(() => 0),
    ),
  ].map((frequency) => {
    phaseOf(symbol, frequency, scratch.cos, scratch.sin)
    return { frequency, estimate: probe.estimate(scratch.cos, scratch.sin) }
  })
  points.sort((a, b) => b.estimate - a.estimate)
  let most = 0
  for (const { frequency } of points.slice(0, 8)) {
    phaseOf(symbol, frequency, scratch.cos, scratch.sin)
    evaluateSymbol(symbol, scratch.cos, scratch.sin, scratch.re, scratch.im)
    const { vector } = topOf(scratch, size, 40)
    let form = 0
    let square = 0
    for (let i = 0, k = 0; i < size; i++) {
      const p = vector[i]!
      const q = vector[size + i]!
      square += p * p + q * q
      for (let j = 0; j < i; j++, k++) {
        const u = vector[j]!
        const v = vector[size + j]!
        form += 2 * (scratch.re[k]! * (p * u + q * v) + scratch.im[k]! * (q * u - p * v))
      }
      form += scratch.re[k]! * (p * p + q * q)
      k++
    }
    // |v|ᵀ|G||v| <= 2 absoluteSquare |v|²: both parts of G are within |P|'s symbol, which Schur's bound covers.
    const error = (4 * gamma(4 * size * size + 16) * absoluteSquare + symbol.error) * (1 + 2 ** -20)
    most = Math.max(most, (form / square) * (1 - gamma(2 * size + 8)) - error)
  }
  return Math.max(0, most)
}
