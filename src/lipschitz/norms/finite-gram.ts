/**
 * The finite operator itself for small maps: its Gram matrix on the cheaper side is banded when pixels are numbered with the longest
 * axis outermost, and one banded Cholesky factorisation bounds the norm with no embedding gap.
 * @module
 */
import { type Band, bandIndex, choleskySlack, createRing, factorsBand, ringSize } from '../../linalg/cholesky.ts'
import { addProductTransposed } from '../../linalg/product.ts'
import { gamma, nextUp, UNIT } from '../../linalg/rounding.ts'
import { withRoom } from '../../linalg/vector-room.ts'
import { outputRange } from './convolution-map.ts'
import type { Axis } from './geometry.ts'
import type { GroupWeights } from './phase-kernel.ts'

type Side = 'input' | 'output'

/** Where one tap connects an output pixel to an input pixel. */
interface Links {
  readonly count: number
  readonly tap: Int32Array
  readonly output: Int32Array
  readonly input: Int32Array
}

export interface FinitePlan {
  readonly side: Side
  /** Multiplications of one factorisation, assembly included. */
  readonly cost: number
  /** Doubles held: a ring of rows, the products of taps, the links. */
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
      memory: (width + 8) ** 2 + 2 * pairs * channels * channels + 3 * taps * pixels,
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

/** A Gram matrix that is made row by row, so that a factorisation holds no more than it looks back on. */
export interface FiniteGram {
  readonly size: number
  /** Entries (i, j) vanish for i - j > halfWidth. */
  readonly halfWidth: number
  /** Adds entry (i, j) to target[at + j] for every j <= i. */
  addRow(i: number, target: Float64Array, at: number): void
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
  const pixels = axes.reduce((n, axis) => n * (side === 'input' ? axis.size : axis.outputs), 1)
  const others = axes.reduce((n, axis) => n * (side === 'input' ? axis.outputs : axis.size), 1)
  const { count, tap, input, output } = linksOf(axes, taps)
  // Links that share the summed pixel are coupled: (TᵀT)[i, i'] = sum over o of W_{o,i}ᵀ W_{o,i'}, and likewise for T Tᵀ.
  const [own, shared] = side === 'input' ? [input, output] : [output, input]
  const byOwn = grouped(own, count, pixels)
  const byShared = grouped(shared, count, others)
  const products: Float64Array[] = []
  const productOf = (s: number, t: number): Float64Array => {
    const product = new Float64Array(channels * channels)
    const [a, b] = [s * channels * long, t * channels * long]
    addProductTransposed(product, 0, channels, matrices, a, long, matrices, b, long, channels, channels, long)
    return product
  }
  return {
    size: pixels * channels,
    halfWidth: reach(axes, side) * channels + channels - 1,
    addRow(row, target, at) {
      const i = Math.floor(row / channels)
      const p = (row - i * channels) * channels
      for (let x = byOwn.starts[i]!; x < byOwn.starts[i + 1]!; x++) {
        const a = byOwn.links[x]!
        const s = tap[a]! * taps
        const end = byShared.starts[shared[a]! + 1]!
        for (let y = byShared.starts[shared[a]!]!; y < end; y++) {
          const b = byShared.links[y]!
          const j = own[b]!
          if (j > i) continue
          const product = (products[s + tap[b]!] ??= productOf(tap[a]!, tap[b]!))
          const width = j === i ? row - i * channels + 1 : channels
          const to = at + j * channels
          for (let q = 0; q < width; q++) target[to + q] += product[p + q]!
        }
      }
    },
    // Each entry is a sum of at most taps * long products; its absolute sum is an entry of |T|ᵀ|T| (or |T||T|ᵀ).
    error: gamma(taps * long + taps + 4) * absoluteSquare * (1 + 2 ** -20),
  }
}

/** Links by one of their pixels: those of pixel p are links[starts[p]] .. links[starts[p + 1] - 1]. */
function grouped(pixels: Int32Array, links: number, count: number) {
  const starts = new Int32Array(count + 1)
  for (let k = 0; k < links; k++) starts[pixels[k]! + 1]!++
  for (let p = 0; p < count; p++) starts[p + 1] = starts[p + 1]! + starts[p]!
  const next = starts.slice()
  const order = new Int32Array(links)
  for (let k = 0; k < links; k++) order[next[pixels[k]!]!++] = k
  return { starts, links: order }
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

function linksOf(axes: readonly Axis[], taps: number): Links {
  const most = axes.reduce((n, axis) => n * axis.outputs, taps)
  const [tap, output, input] = [new Int32Array(most), new Int32Array(most), new Int32Array(most)]
  let count = 0
  const visit = (depth: number, t: number, o: number, i: number) => {
    if (depth === axes.length) {
      tap[count] = t
      output[count] = o
      input[count++] = i
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
  return { count, tap, output, input }
}

/**
 * Upper bound of the largest eigenvalue of a Gram matrix, by a ladder of shifts from an estimate: shift I - G positive definite
 * proves it. Returns `ceiling` when no rung below it passes.
 */
export function boundGram(gram: FiniteGram, estimate: number, ceiling: number, rungs = 7): number {
  const { size, halfWidth } = gram
  return withRoom(ringSize(size, halfWidth), (room) =>
    climb(createRing(size, halfWidth, room), gram, estimate, ceiling, rungs),
  )
}

function climb(
  work: Band,
  { size, addRow, error }: FiniteGram,
  estimate: number,
  ceiling: number,
  rungs: number,
): number {
  const { data, band } = work
  for (let rung = 0, excess = 2e-9; rung < rungs; rung++, excess *= 24) {
    const square = estimate * (1 + excess)
    if (!(square > 0) || square >= ceiling) break
    const definite = factorsBand(work, (first) => {
      const start = bandIndex(work, first, first - band)
      data.fill(0, start, start + 4 * (band + 4))
      for (let i = first; i < first + 4; i++) {
        const diagonal = bandIndex(work, i, i)
        if (i >= size) {
          // The padding: an identity block.
          data[diagonal] = 1
          continue
        }
        const begin = start + (i - first) * (band + 4)
        addRow(i, data, diagonal - i)
        for (let k = begin; k < diagonal; k++) data[k] = -data[k]!
        data[diagonal] = square - data[diagonal]!
      }
    })
    if (definite) {
      const slack = choleskySlack(size, size * (square * (1 + 4 * UNIT) + error), 'real') + error + 2 * UNIT * square
      return Math.min(ceiling, nextUp(square + slack))
    }
  }
  return ceiling
}
