/**
 * One group of a convolution as a linear map on its exact geometry, with its adjoint, in float64. Vectors are channels-last:
 * `[...spatial][channel]`, so that each tap is a matrix product on contiguous rows.
 * @module
 */
import { addProductTransposed } from '../../linalg/product.ts'
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

export function convolutionMap(weights: GroupWeights, axes: readonly Axis[]): ConvolutionMap {
  const taps = axes.reduce((n, axis) => n * axis.kernel, 1)
  const { out, in: channels } = weights
  const size = out * channels
  // [tap][out][in] and [tap][in][out].
  const forward = new Float64Array(taps * size)
  const backward = new Float64Array(taps * size)
  for (let o = 0; o < out; o++)
    for (let c = 0; c < channels; c++)
      for (let t = 0; t < taps; t++) {
        const w = weights.data[(o * channels + c) * taps + t]!
        forward[t * size + o * channels + c] = w
        backward[t * size + c * out + o] = w
      }
  const runs = runsOf(axes)
  const inputs = axes.reduce((n, axis) => n * axis.size, channels)
  const outputs = axes.reduce((n, axis) => n * axis.outputs, out)
  const step = axes.at(-1)!.stride
  return {
    inputs,
    outputs,
    cost: runs.reduce((n, run) => n + run.length, 0) * size,
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
