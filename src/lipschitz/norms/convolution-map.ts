/**
 * One group of a convolution as a linear map on its exact geometry, with its adjoint, in float64. Vectors are channels-last:
 * `[...spatial][channel]`, so that each tap is a matrix product on contiguous rows.
 * @module
 */
import { addProductTransposed } from '../../linalg/product.ts'
import type { VectorRoom } from '../../linalg/vector-room.ts'
import type { Axis } from './geometry.ts'
import type { GroupWeights } from './phase-kernel.ts'

export interface ConvolutionMap {
  readonly inputs: number
  readonly outputs: number
  /** Multiplications of one application. */
  readonly cost: number
  /** Overwrites y with T x. */
  apply(x: Float64Array, y: Float64Array): void
  /** Overwrites x with Tᵀ y. */
  adjoint(y: Float64Array, x: Float64Array): void
}

/** A run of outputs along the last axis that one tap maps from a strided run of inputs (pixel numbers). */
interface Run {
  readonly tap: number
  readonly output: number
  readonly input: number
  readonly length: number
}

/** Doubles that the map wants of a room. */
export function roomOf(weights: GroupWeights, axes: readonly Axis[]): number {
  const { taps, pixels, places } = countsOf(axes)
  const [out, channels] = [inFours(weights.out), inFours(weights.in)]
  return 2 * taps * out * channels + pixels * channels + places * out
}

/** @param room where to work, if there is one; the map is good for as long as it is lent */
export function convolutionMap(weights: GroupWeights, axes: readonly Axis[], room?: VectorRoom): ConvolutionMap {
  const { taps, pixels, places } = countsOf(axes)
  // Vector code takes channels in fours: the others are zeros.
  const [out, channels] = room ? [inFours(weights.out), inFours(weights.in)] : [weights.out, weights.in]
  const size = out * channels
  const memory = room ? room.doubles : new Float64Array(2 * taps * size)
  memory.fill(0, 0, 2 * taps * size)
  // [tap][out][in] and [tap][in][out].
  const forward = memory.subarray(0, taps * size)
  const backward = memory.subarray(taps * size, 2 * taps * size)
  for (let o = 0; o < weights.out; o++)
    for (let c = 0; c < weights.in; c++)
      for (let t = 0; t < taps; t++) {
        const w = weights.data[(o * weights.in + c) * taps + t]!
        forward[t * size + o * channels + c] = w
        backward[t * size + c * out + o] = w
      }
  const runs = runsOf(axes)
  const step = axes.at(-1)!.stride
  const sides = {
    inputs: pixels * weights.in,
    outputs: places * weights.out,
    cost: runs.reduce((n, run) => n + run.length, 0) * weights.out * weights.in,
  }
  if (room) {
    const [xs, ys] = [2 * taps * size, 2 * taps * size + pixels * channels]
    const source = room.doubles.subarray(xs, ys)
    const target = room.doubles.subarray(ys, ys + places * out)
    source.fill(0)
    target.fill(0)
    const run = (
      { length }: Run,
      c: number,
      cStride: number,
      a: number,
      aStride: number,
      b: number,
      columns: number,
      depth: number,
    ) => {
      if (length > 1)
        room.productPairs(8 * c, 8 * cStride, 8 * a, 8 * aStride, 8 * b, 8 * depth, length >> 1, columns / 4, depth / 2)
      if (length % 2 === 1) {
        const last = length - 1
        room.product(8 * (c + last * cStride), 8 * (a + last * aStride), 8 * b, 8 * depth, columns / 4, depth / 2)
      }
    }
    return {
      ...sides,
      apply(x, y) {
        spread(x, weights.in, source, channels)
        target.fill(0)
        for (const one of runs) {
          const [c, a] = [ys + one.output * out, xs + one.input * channels]
          run(one, c, out, a, step * channels, one.tap * size, out, channels)
        }
        spread(target, out, y, weights.out)
      },
      adjoint(y, x) {
        spread(y, weights.out, target, out)
        source.fill(0)
        for (const one of runs) {
          const [c, a] = [xs + one.input * channels, ys + one.output * out]
          run(one, c, step * channels, a, out, (taps + one.tap) * size, channels, out)
        }
        spread(source, channels, x, weights.in)
      },
    }
  }
  return {
    ...sides,
    apply(x, y) {
      y.fill(0)
      for (const { tap, output, input, length } of runs)
        addProductTransposed(
          y,
          output * out,
          out,
          x,
          input * channels,
          step * channels,
          forward,
          tap * size,
          channels,
          length,
          out,
          channels,
        )
    },
    adjoint(y, x) {
      x.fill(0)
      for (const { tap, output, input, length } of runs)
        addProductTransposed(
          x,
          input * channels,
          step * channels,
          y,
          output * out,
          out,
          backward,
          tap * size,
          out,
          length,
          channels,
          out,
        )
    },
  }
}

const inFours = (channels: number): number => (channels + 3) & ~3

function countsOf(axes: readonly Axis[]) {
  let [taps, pixels, places] = [1, 1, 1]
  for (const axis of axes) {
    taps *= axis.kernel
    pixels *= axis.size
    places *= axis.outputs
  }
  return { taps, pixels, places }
}

/** Copies pixels of one number of channels to pixels of another; what has no counterpart is left. */
function spread(from: Float64Array, width: number, to: Float64Array, into: number): void {
  if (width === into) {
    to.set(from)
    return
  }
  const both = Math.min(width, into)
  for (let p = 0, q = 0; p < from.length; p += width, q += into) for (let k = 0; k < both; k++) to[q + k] = from[p + k]!
}

/** Outputs o with 0 <= s o + dil t - begin < n. */
export function outputRange(axis: Axis, t: number): readonly [number, number] {
  const shift = t * axis.dilation - axis.begin
  return [
    Math.max(0, Math.ceil(-shift / axis.stride)),
    Math.min(axis.outputs - 1, Math.floor((axis.size - 1 - shift) / axis.stride)),
  ]
}

function runsOf(axes: readonly Axis[]): readonly Run[] {
  const last = axes.length - 1
  const runs: Run[] = []
  const visit = (depth: number, tap: number, output: number, input: number) => {
    const axis = axes[depth]!
    for (let t = 0; t < axis.kernel; t++) {
      const [first, end] = outputRange(axis, t)
      const at = (o: number) => axis.stride * o + axis.dilation * t - axis.begin
      if (depth === last) {
        if (first <= end)
          runs.push({
            tap: tap * axis.kernel + t,
            output: output * axis.outputs + first,
            input: input * axis.size + at(first),
            length: end - first + 1,
          })
      } else
        for (let o = first; o <= end; o++)
          visit(depth + 1, tap * axis.kernel + t, output * axis.outputs + o, input * axis.size + at(o))
    }
  }
  visit(0, 0, 0, 0)
  return runs
}
