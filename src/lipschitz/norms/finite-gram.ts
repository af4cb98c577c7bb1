/**
 * The finite operator itself for small maps: its Gram matrix on the cheaper side is banded when pixels are numbered with the longest
 * axis outermost, and one banded Cholesky factorisation bounds the norm with no embedding gap.
 * @module
 */
import { type Band, bandIndex, choleskySlack, createBand, factorsBand, shiftedNegative } from '../../linalg/cholesky.ts'
import { addProductTransposed } from '../../linalg/product.ts'
import { gamma, nextUp, UNIT } from '../../linalg/rounding.ts'
import { outputRange } from './convolution-map.ts'
import type { Axis } from './geometry.ts'
import type { GroupWeights } from './phase-kernel.ts'

type Side = 'input' | 'output'

/** Where one tap connects an output pixel to an input pixel. */
interface Links {
  readonly tap: Int32Array
  readonly output: Int32Array
  readonly input: Int32Array
}

export interface FinitePlan {
  readonly side: Side
  /** Multiplications of one factorisation, assembly included. */
  readonly cost: number
  /** Doubles held. */
  readonly memory: number
  readonly axes: readonly Axis[]
  /** Original axis of each reordered axis. */
  readonly order: readonly number[]
}

/** What the direct proof would cost; the caller decides. */
export function planFinite(weights: { out: number; in: number }, axes: readonly Axis[]): FinitePlan {
  // The band is as wide as a kernel's reach over all but the outermost axis: the longest axis goes outside.
  const order = axes.map((_, d) => d).sort((a, b) => axes[b]!.size - axes[a]!.size || a - b)
  const sorted = order.map((d) => axes[d]!)
  const taps = axes.reduce((n, axis) => n * axis.kernel, 1)
  const plan = (side: Side): FinitePlan => {
    const channels = side === 'input' ? weights.in : weights.out
    const long = side === 'input' ? weights.out : weights.in
    const pixels = sorted.reduce((n, axis) => n * (side === 'input' ? axis.size : axis.outputs), 1)
    const half = reach(sorted, side) * channels + channels - 1
    const n = pixels * channels
    const width = Math.min(half, n)
    const pairs = (taps * (taps + 1)) / 2
    return {
      side,
      cost: n * width * width * (width < n / 2 ? 1 : 0.4) + pairs * channels * channels * (long + pixels),
      memory: n * (width + 8) * 2 + pairs * channels * channels,
      axes: sorted,
      order,
    }
  }
  const [input, output] = [plan('input'), plan('output')]
  return input.cost <= output.cost ? input : output
}

/** Largest difference of pixel numbers that one output (input) couples. */
function reach(axes: readonly Axis[], side: Side): number {
  let total = 0
  for (const { size, kernel, stride, dilation, outputs } of axes) {
    const span = (kernel - 1) * dilation
    const count = side === 'input' ? size : outputs
    total = total * count + Math.min(count - 1, side === 'input' ? span : Math.floor(span / stride))
  }
  return total
}

export interface FiniteGram {
  readonly size: number
  readonly gram: Band
  /** Bound of the norm of (computed Gram - Gram). */
  readonly error: number
}

/** @param weights scaled weights @param absoluteSquare bound of || |T| ||² for them */
export function finiteGram(weights: GroupWeights, plan: FinitePlan, absoluteSquare: number): FiniteGram {
  const { axes, side } = plan
  const taps = axes.reduce((n, axis) => n * axis.kernel, 1)
  const channels = side === 'input' ? weights.in : weights.out
  const long = side === 'input' ? weights.out : weights.in
  const matrices = tapMatrices(weights, plan, side)
  const links = linksOf(axes)
  const pixels = axes.reduce((n, axis) => n * (side === 'input' ? axis.size : axis.outputs), 1)
  const size = pixels * channels
  const gram = createBand(size, reach(axes, side) * channels + channels - 1)
  const products = new Map<number, Float64Array>()
  const productOf = (s: number, t: number): Float64Array => {
    const key = s * taps + t
    let product = products.get(key)
    if (!product) {
      product = new Float64Array(channels * channels)
      const [a, b] = [s * channels * long, t * channels * long]
      addProductTransposed(product, 0, channels, matrices, a, long, matrices, b, long, channels, channels, long)
      products.set(key, product)
    }
    return product
  }
  // Links that share the summed pixel are coupled: (TᵀT)[i, i'] = sum over o of W_{o,i}ᵀ W_{o,i'}, and likewise for T Tᵀ.
  const [own, shared] = side === 'input' ? [links.input, links.output] : [links.output, links.input]
  const groups = new Map<number, number[]>()
  for (let k = 0; k < shared.length; k++) {
    const group = groups.get(shared[k]!)
    if (group) group.push(k)
    else groups.set(shared[k]!, [k])
  }
  for (const group of groups.values())
    for (const a of group)
      for (const b of group) {
        const i = own[a]!
        const j = own[b]!
        if (j > i) continue
        addBlock(gram, i * channels, j * channels, channels, productOf(links.tap[a]!, links.tap[b]!))
      }
  // Each entry is a sum of at most taps * long products; its absolute sum is an entry of |T|ᵀ|T| (or |T||T|ᵀ).
  const error = gamma(taps * long + taps + 4) * absoluteSquare * (1 + 2 ** -20)
  return { size, gram, error }
}

function addBlock(gram: Band, row: number, column: number, channels: number, block: Float64Array): void {
  for (let p = 0; p < channels; p++) {
    const end = row === column ? p + 1 : channels
    const at = bandIndex(gram, row + p, column)
    for (let q = 0; q < end; q++) gram.data[at + q] += block[p * channels + q]!
  }
}

/** `[tap][short][long]` with taps numbered in the reordered axes. */
function tapMatrices({ out, in: inputs, data }: GroupWeights, { axes, order }: FinitePlan, side: Side): Float64Array {
  const taps = axes.reduce((n, axis) => n * axis.kernel, 1)
  const matrices = new Float64Array(data.length)
  for (let t = 0; t < taps; t++) {
    // Digits of t along the reordered axes, put back into the original order.
    const digits = new Array<number>(axes.length)
    const kernels = new Array<number>(axes.length)
    for (let d = axes.length - 1, rest = t; d >= 0; d--) {
      digits[order[d]!] = rest % axes[d]!.kernel
      kernels[order[d]!] = axes[d]!.kernel
      rest = Math.floor(rest / axes[d]!.kernel)
    }
    const original = digits.reduce((n, digit, d) => n * kernels[d]! + digit, 0)
    for (let o = 0; o < out; o++)
      for (let c = 0; c < inputs; c++)
        matrices[t * out * inputs + (side === 'input' ? c * out + o : o * inputs + c)] =
          data[(o * inputs + c) * taps + original]!
  }
  return matrices
}

function linksOf(axes: readonly Axis[]): Links {
  const tap: number[] = []
  const output: number[] = []
  const input: number[] = []
  const visit = (depth: number, t: number, o: number, i: number) => {
    if (depth === axes.length) {
      tap.push(t)
      output.push(o)
      input.push(i)
      return
    }
    const axis = axes[depth]!
    for (let k = 0; k < axis.kernel; k++) {
      const [first, last] = outputRange(axis, k)
      for (let at = first; at <= last; at++)
        visit(
          depth + 1,
          t * axis.kernel + k,
          o * axis.outputs + at,
          i * axis.size + axis.stride * at + axis.dilation * k - axis.begin,
        )
    }
  }
  visit(0, 0, 0, 0)
  return { tap: Int32Array.from(tap), output: Int32Array.from(output), input: Int32Array.from(input) }
}

/**
 * Upper bound of the largest eigenvalue of a Gram matrix, by a ladder of shifts from an estimate: shift I - G positive definite
 * proves it. Returns `ceiling` when no rung below it passes.
 */
export function boundGram({ size, gram, error }: FiniteGram, estimate: number, ceiling: number, rungs = 7): number {
  const work: Band = { size: gram.size, band: gram.band, data: new Float64Array(gram.data.length) }
  for (let rung = 0, excess = 2e-9; rung < rungs; rung++, excess *= 24) {
    const square = estimate * (1 + excess)
    if (!(square > 0) || square >= ceiling) break
    shiftedNegative(work, gram, size, square)
    if (factorsBand(work)) {
      const slack = choleskySlack(size, size * (square * (1 + 4 * UNIT) + error), 'real') + error + 2 * UNIT * square
      return Math.min(ceiling, nextUp(square + slack))
    }
  }
  return ceiling
}
