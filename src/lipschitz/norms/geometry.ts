/**
 * Geometry of a convolution along one axis, and its rewriting as a stride-1 convolution over phases (docs/soundness.md 2.3).
 *
 * With u = i + begin the padded coordinate of input i, u = s q + rho, and a tap at dilated offset dil t = s tau + rho, output o reads
 * the phase-rho signal at q = o + tau. So a strided convolution is a stride-1 convolution whose channels are (channel, phase).
 * @module
 */
import type { ConvolutionStructure } from '../../ops/operator.ts'

export interface Axis {
  readonly size: number
  readonly kernel: number
  readonly stride: number
  readonly dilation: number
  readonly begin: number
  /** Number of outputs; 0 when the padded input is shorter than the kernel. */
  readonly outputs: number
}

/** What the taps of the phase kernel meet on a fixed size. */
export interface Window {
  /** Offsets q - o that occur: taps outside multiply padding only and are dropped. */
  readonly low: number
  readonly high: number
  /** Smallest period of a circulant that contains the operator as a sub-matrix. */
  readonly period: number
  /** Number of outputs and of inputs (per phase) that matter, and the offset q - o of the first of each. */
  readonly rows: number
  readonly columns: number
  readonly shift: number
}

export function axesOf(structure: ConvolutionStructure): readonly Axis[] {
  return structure.spatial.map((size, i) => {
    const kernel = structure.weights.dims[i + 2]!
    const stride = structure.strides[i]!
    const dilation = structure.dilations[i]!
    const begin = structure.padsBegin[i]!
    const end = structure.padsEnd[i]!
    // No output at all would be the zero operator, which is what a NaN would look like.
    if (
      ![size, kernel, stride, dilation, begin, end].every(Number.isInteger) ||
      kernel < 1 ||
      stride < 1 ||
      dilation < 1
    )
      throw new Error(
        `A convolution has kernel ${kernel}, stride ${stride}, dilation ${dilation}, pads ${begin}, ${end}.`,
      )
    const span = (kernel - 1) * dilation + 1
    const outputs = Math.floor((size + begin + end - span) / stride) + 1
    return { size, kernel, stride, dilation, begin, outputs: size > 0 && outputs > 0 ? outputs : 0 }
  })
}

/** Number of elements of one sample of the operator's output. */
export function outputSize(structure: ConvolutionStructure): number {
  const { weights, groups, spatial, transposed } = structure
  const [out, narrow] = weights.dims as [number, number]
  const sizes = transposed ? spatial : axesOf(structure).map((axis) => axis.outputs)
  return sizes.reduce((product, size) => product * size, transposed ? narrow * groups : out)
}

/** First and last q at which the phase-rho signal has data. */
export function phaseRange({ size, stride, begin }: Axis, rho: number): readonly [number, number] {
  return [Math.ceil((begin - rho) / stride), Math.floor((size - 1 + begin - rho) / stride)]
}

/** Tap t as (tau, rho). */
export function tapPhase({ stride, dilation }: Axis, t: number): readonly [number, number] {
  const offset = t * dilation
  const tau = Math.floor(offset / stride)
  return [tau, offset - tau * stride]
}

/**
 * The window of an axis, or undefined when no output reads any input.
 *
 * Rows o and columns q of the operator that are not zero lie in two intervals; r = q - o then runs over [low, high]. An m-circulant with
 * the same taps 0..K-1 agrees with the operator there iff no r + l m (l != 0) is a tap: r - m < 0 and r + m >= K for all r; the intervals
 * must also fit into one period each.
 */
export function windowOf(axis: Axis): Window | undefined {
  let phases = 0
  let lastTap = 0
  let firstColumn = Number.POSITIVE_INFINITY
  let lastColumn = Number.NEGATIVE_INFINITY
  for (let t = 0; t < axis.kernel; t++) {
    const [tau, rho] = tapPhase(axis, t)
    const [low, high] = phaseRange(axis, rho)
    if (low > high) continue
    phases++
    lastTap = Math.max(lastTap, tau)
    firstColumn = Math.min(firstColumn, low)
    lastColumn = Math.max(lastColumn, high)
  }
  if (phases === 0 || axis.outputs === 0) return undefined
  firstColumn = Math.max(firstColumn, 0)
  lastColumn = Math.min(lastColumn, axis.outputs - 1 + lastTap)
  if (firstColumn > lastColumn) return undefined
  const firstRow = Math.max(0, firstColumn - lastTap)
  const lastRow = Math.min(axis.outputs - 1, lastColumn)
  if (firstRow > lastRow) return undefined
  const low = Math.max(0, firstColumn - lastRow)
  const high = Math.min(lastTap, lastColumn - firstRow)
  if (low > high) return undefined
  const taps = high - low + 1
  const period = Math.max(
    taps - (firstColumn - lastRow - low),
    lastColumn - firstRow - low + 1,
    lastRow - firstRow + 1,
    lastColumn - firstColumn + 1,
  )
  return {
    low,
    high,
    period,
    rows: lastRow - firstRow + 1,
    columns: lastColumn - firstColumn + 1,
    shift: firstColumn - firstRow,
  }
}

/**
 * Along an axis with one tap, the operator only selects positions: T = S (x) T' with S of norm 1 (some output reads an input), so one
 * position stands for all.
 */
export function withoutSelections(axes: readonly Axis[]): readonly Axis[] {
  return axes.map((axis) => (axis.kernel === 1 ? ONE_POSITION : axis))
}

const ONE_POSITION: Axis = { size: 1, kernel: 1, stride: 1, dilation: 1, begin: 0, outputs: 1 }
