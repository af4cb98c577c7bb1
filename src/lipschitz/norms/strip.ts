/**
 * Half-way between the embedding and the finite operator: exact along one axis, twisted circulant along the others. The finite operator is
 * a sub-matrix of an operator that is omega-circulant along all axes but one (docs/soundness.md 2.4, applied to those axes only), so
 * its norm is at most the largest norm, over the grid of the other axes, of a finite one-dimensional convolution with the complex kernel
 *   C_t(w) = sum over the taps at t of P e^{-i w.s}.
 * The embedding's gap along the exact axis, usually the larger part of it on small maps, is gone.
 * @module
 */
import {
  choleskySlack,
  createHermitianBand,
  factorsHermitianBand,
  type HermitianBand,
  hermitianIndex,
} from '../../linalg/cholesky.ts'
import { lanczosTop } from '../../linalg/lanczos.ts'
import { addProductTransposed } from '../../linalg/product.ts'
import { gamma, nextUp, UNIT } from '../../linalg/rounding.ts'
import { turn } from '../../linalg/twiddles.ts'
import { withRoom } from '../../linalg/vector-room.ts'
import type { GridBound } from './embedding.ts'
import type { Window } from './geometry.ts'
import { type Frequency, PHASE_ERROR } from './gram-symbol.ts'
import type { PhaseKernel } from './phase-kernel.ts'
import { halfGrid } from './symbol-probe.ts'

export interface StripPlan {
  /** The axis that stays finite. */
  readonly axis: number
  readonly frequencies: number
  /** Real multiplications of the whole proof, one attempt a frequency. */
  readonly cost: number
  readonly memory: number
}

/** The cheapest exact axis; undefined when there is nothing to gain (one axis, or no shifts along it). */
export function planStrip(
  kernel: PhaseKernel,
  windows: readonly Window[],
  periods: readonly number[],
): StripPlan | undefined {
  let best: StripPlan | undefined
  for (let axis = 0; axis < kernel.rank; axis++) {
    const taps = kernel.extents[axis]!
    if (taps === 1 || kernel.rank === 1) continue
    const others = periods.reduce((n, m, d) => n * (d === axis || kernel.extents[d] === 1 ? 1 : m), 1)
    const frequencies = Math.floor(others / 2) + 1
    const { short, long } = kernel
    const positions = positionsOf(kernel, windows[axis]!)
    const size = positions * short
    const width = Math.min(size, Math.min(taps, positions) * short)
    const cost =
      frequencies * (4 * size * width * width * (width < size / 2 ? 1 : 0.4) + 2 * taps * taps * short * short * long)
    const plan = { axis, frequencies, cost, memory: 4 * size * (width + 4) }
    if (!best || plan.cost < best.cost) best = plan
  }
  return best
}

function positionsOf({ shortIs }: PhaseKernel, window: Window): number {
  return shortIs === 'output' ? window.rows : window.columns
}

/**
 * @param grid periods and twists for the other axes, as the embedding chose them
 * @param floor where the search starts (a lower bound of the squared norm)
 * @param ceiling a bound of the square that is already known
 */
export function boundByStrip(
  kernel: PhaseKernel,
  windows: readonly Window[],
  grid: Pick<GridBound, 'periods' | 'theta'>,
  axis: number,
  floor: number,
  ceiling: number,
): number {
  const { short, count, long, absoluteSquare } = kernel
  const periods = grid.periods.map((m, d) => (d === axis ? 1 : m))
  const twists = grid.theta.map((theta, d) => (d === axis ? 0 : 2 * theta))
  const size = positionsOf(kernel, windows[axis]!) * short
  const gram = createHermitianBand(size, Math.min(size, kernel.extents[axis]! * short))
  const passes = (square: number): boolean =>
    withRoom(2 * gram.re.length, (room) =>
      isAbove(createHermitianBand(size, Math.min(size, kernel.extents[axis]! * short), room), gram, size, square),
    )
  // Sums over taps twice (C and C'), the product over the long side, the sum over positions; two parts of each factor: 4. All relative to
  // the absolute operator's Gram matrix, whose norm is at most absoluteSquare.
  const error =
    4 * (gamma(2 * long + 2 * count + kernel.extents[axis]! + 40) + 4 * PHASE_ERROR) * (1 + 2 ** -20) * absoluteSquare
  let square = floor * (1 + 1e-9)
  for (const frequency of halfGrid(periods, twists)) {
    assemble(gram, kernel, windows[axis]!, axis, frequency)
    if (!(square > 0) || !passes(square)) {
      const { value } = lanczosTop((x, y) => multiply(gram, size, x, y), 2 * size, { steps: 60, basis: 30, seed: 3 })
      const base = Math.max(square, value)
      let raised = ceiling
      for (let excess = 1e-8; excess < 0.1; excess *= 32) {
        const attempt = base * (1 + excess)
        if (attempt >= ceiling) break
        if (!passes(attempt)) continue
        raised = attempt
        break
      }
      square = raised
    }
    if (square >= ceiling) return ceiling
  }
  const slack = choleskySlack(size, size * (square * (1 + 4 * UNIT) + error), 'complex') + error + 2 * UNIT * square
  return Math.min(ceiling, nextUp(square + slack))
}

/** The Gram matrix of the one-dimensional operator on its short side. */
function assemble(gram: HermitianBand, kernel: PhaseKernel, window: Window, axis: number, frequency: Frequency): void {
  const { short, long, rank, count, positions, data, shortIs, extents } = kernel
  const taps = extents[axis]!
  const block = short * long
  const re = new Float64Array(taps * block)
  const im = new Float64Array(taps * block)
  for (let t = 0; t < count; t++) {
    let c = 1
    let s = 0
    for (let d = 0; d < rank; d++) {
      if (d === axis) continue
      const [x, y] = turn(frequency.numerators[d]! * positions[t * rank + d]!, frequency.denominators[d]!)
      const next = c * x - s * y
      s = c * y + s * x
      c = next
    }
    const at = positions[t * rank + axis]! * block
    for (let k = 0; k < block; k++) {
      re[at + k] += c * data[t * block + k]!
      im[at + k] -= s * data[t * block + k]!
    }
  }
  gram.re.fill(0)
  gram.im.fill(0)
  const product = { re: new Float64Array(short * short), im: new Float64Array(short * short) }
  const negative = im.map((x) => -x)
  const times = (target: Float64Array, a: Float64Array, s: number, b: Float64Array, t: number) =>
    addProductTransposed(target, 0, short, a, s * block, long, b, t * block, long, short, short, long)
  // q - o for output o and input q, both counted from the first that matters.
  const offset = window.shift - window.low
  const [own, shared] = shortIs === 'output' ? [window.rows, window.columns] : [window.columns, window.rows]
  for (let s = 0; s < taps; s++)
    for (let t = 0; t < taps; t++) {
      // Rows r >= r' that share l: taps (l - r, l - r') seen from outputs, (r - l, r' - l) from inputs.
      const distance = shortIs === 'output' ? t - s : s - t
      if (distance < 0 || distance >= own) continue
      product.re.fill(0)
      product.im.fill(0)
      times(product.re, re, s, re, t)
      times(product.re, im, s, im, t)
      times(product.im, im, s, re, t)
      times(product.im, re, s, negative, t)
      for (let r = distance; r < own; r++) {
        const l = shortIs === 'output' ? r + s - offset : r - s + offset
        if (l >= 0 && l < shared) addBlock(gram, r * short, (r - distance) * short, short, product)
      }
    }
}

function addBlock(
  gram: HermitianBand,
  row: number,
  column: number,
  size: number,
  { re, im }: { readonly re: Float64Array; readonly im: Float64Array },
): void {
  for (let p = 0; p < size; p++) {
    const end = row === column ? p + 1 : size
    const at = hermitianIndex(gram, row + p, column)
    for (let q = 0; q < end; q++) {
      gram.re[at + q] += re[p * size + q]!
      gram.im[at + q] += im[p * size + q]!
    }
  }
}

/** Is square I - G positive definite? */
function isAbove(work: HermitianBand, gram: HermitianBand, n: number, square: number): boolean {
  for (let k = 0; k < work.re.length; k++) {
    work.re[k] = -gram.re[k]!
    work.im[k] = -gram.im[k]!
  }
  for (let i = 0; i < work.size; i++) {
    const d = hermitianIndex(work, i, i)
    work.re[d] = i < n ? square + work.re[d]! : 1
  }
  return factorsHermitianBand(work)
}

/** y = G x on (real parts, imaginary parts). */
function multiply(gram: HermitianBand, n: number, x: Float64Array, y: Float64Array): void {
  y.fill(0)
  for (let i = 0; i < n; i++) {
    const row = hermitianIndex(gram, i, 0)
    let a = 0
    let b = 0
    const p = x[i]!
    const q = x[n + i]!
    for (let j = Math.max(0, (i & ~1) - gram.band); j < i; j++) {
      const g = gram.re[row + j]!
      const h = gram.im[row + j]!
      const u = x[j]!
      const v = x[n + j]!
      a += g * u - h * v
      b += g * v + h * u
      y[j] += g * p + h * q
      y[n + j] += g * q - h * p
    }
    y[i] += a + gram.re[row + i]! * p
    y[n + i] += b + gram.re[row + i]! * q
  }
}
