/**
 * Foldings of cheap linear maps into a convolution's kernel, with their rounding tracked.
 * @module
 */
import { largestMagnitude } from '../../linalg/power-of-two.ts'
import { UNIT, upward } from '../../linalg/rounding.ts'
import type { NdArray } from '../../onnx/ir.ts'
import type { ConvolutionStructure } from '../../ops/operator.ts'
import { timesUp } from '../../ops/sum-up.ts'
import { axesOf } from './geometry.ts'
import { jointRelativeError, storedRelativeError } from './perturbed.ts'

/**
 * `a I + T` for a convolution T whose output has the shape of its input (stride 1, a tap at offset 0), else undefined. The rounding of
 * the changed elements is a diagonal error, whose norm is its largest element.
 */
export function addIdentity(structure: ConvolutionStructure, a: number): ConvolutionStructure | undefined {
  const { weights, groups } = structure
  const axes = axesOf(structure)
  const [out, narrow] = weights.dims as [number, number]
  if (out !== narrow * groups) return undefined
  if (!axes.every((axis) => axis.stride === 1 && axis.outputs === axis.size)) return undefined
  let centre = 0
  for (const { kernel, dilation, begin } of axes) {
    if (begin % dilation !== 0 || begin < 0 || begin / dilation >= kernel) return undefined
    centre = centre * kernel + begin / dilation
  }
  const taps = axes.reduce((n, axis) => n * axis.kernel, 1)
  const relative = storedRelativeError(weights.relativeError)
  const data = weights.data.slice()
  let error = 0
  for (let o = 0; o < out; o++) {
    const at = (o * narrow + (o % narrow)) * taps + centre
    const before = data[at]!
    const after = before + a
    data[at] = after
    // Knuth's TwoSum: the rounding error itself, 0 when the sum is exact.
    const virtual = after - before
    const exact = before - (after - virtual) + (a - virtual) === 0
    error = Math.max(error, (exact ? 0 : UNIT * Math.abs(after)) + (relative === 0 ? 0 : relative * Math.abs(before)))
  }
  const perturbation = error === 0 ? (structure.perturbation ?? 0) : upward(error + (structure.perturbation ?? 0), 4)
  return {
    ...structure,
    weights: { ...weights, type: 'float64', data },
    ...(perturbation > 0 ? { perturbation } : {}),
  }
}

/**
 * `diag(scale) T`: every output channel of the node times a constant (a BatchNormalization after a Conv).
 * @param scale one element, or one a channel of the node's output
 */
export function scaleOutputChannels(structure: ConvolutionStructure, scale: NdArray): ConvolutionStructure | undefined {
  const { weights, groups, transposed } = structure
  const [out, narrow] = weights.dims as [number, number]
  // The adjoint's output is the convolution's input.
  const channels = transposed ? narrow * groups : out
  if (scale.data.length !== 1 && scale.data.length !== channels) return undefined
  const taps = weights.data.length / (out * narrow)
  const data = new Float64Array(weights.data.length)
  let underflows = 0
  for (let o = 0, k = 0; o < out; o++) {
    const base = Math.floor(o / (out / groups)) * narrow
    for (let c = 0; c < narrow; c++) {
      const factor = scale.data[scale.data.length === 1 ? 0 : transposed ? base + c : o]!
      for (let t = 0; t < taps; t++, k++) {
        data[k] = weights.data[k]! * factor
        if (Math.abs(data[k]!) < 2 ** -1020 && weights.data[k] !== 0 && factor !== 0) underflows++
      }
    }
  }
  const [e, f] = [weights.relativeError ?? 0, scale.relativeError ?? 0]
  const relativeError = jointRelativeError(jointRelativeError(e, f), UNIT)
  // An element that underflows is off by at most 2^-1074; || |E| || <= |E|_F <= sqrt(taps * size) pixels at most.
  const lost = underflows === 0 ? 0 : 2 ** -1074 * out * narrow * taps
  // Never 0 by underflow.
  const largest = timesUp(largestMagnitude(scale.data), upward(1 + storedRelativeError(f)))
  const scaled = timesUp(structure.perturbation ?? 0, largest)
  const perturbation = lost + scaled === 0 ? 0 : upward(lost + scaled, 8)
  const { perturbation: _, ...rest } = structure
  return {
    ...rest,
    weights: { type: 'float64', dims: weights.dims, data, relativeError },
    ...(perturbation > 0 ? { perturbation } : {}),
  }
}
