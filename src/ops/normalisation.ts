/**
 * What LayerNormalization, InstanceNormalization, GroupNormalization and RMSNormalization share: groups of consecutive
 * elements are divided by their root mean square, after their mean is taken away in all but the last.
 * @module
 */
import type { NdArray, Shape } from '../onnx/ir.ts'
import { broadcastIndex, sumTo } from './broadcast.ts'
import { sizeOf } from './dims.ts'
import type { GradientBuilder, LipschitzRule, Operator, RoundingRule, Site } from './operator.ts'
import { roundUp, trueShare } from './round-up.ts'
import { dynamicInputs } from './rules.ts'

/** A normalisation in its place. */
export interface Normalisation {
  /** Consecutive elements in one group. */
  readonly count: number
  /** The mean is taken away first. */
  readonly centred: boolean
  readonly epsilon: number
  /** The input's elements under other dims, so that scale and bias broadcast under theirs. */
  readonly view: Shape
  readonly parameters: Shape
}

export interface Normalised {
  readonly y: Float64Array
  readonly means: Float64Array
  /** 1 / sqrt(variance + epsilon) of each group. */
  readonly inverses: Float64Array
}

/** The normalised elements, before scale and bias. */
export function normalise(x: Float64Array, { count, centred, epsilon }: Normalisation): Normalised {
  const groups = count === 0 ? 0 : x.length / count
  const y = new Float64Array(x.length)
  const means = new Float64Array(groups)
  const inverses = new Float64Array(groups)
  for (let g = 0; g < groups; g++) {
    const group = x.subarray(g * count, (g + 1) * count)
    const mean = centred ? group.reduce((sum, value) => sum + value, 0) / count : 0
    const variance = group.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count
    means[g] = mean
    inverses[g] = 1 / Math.sqrt(variance + epsilon)
    group.forEach((value, i) => {
      y[g * count + i] = (value - mean) * inverses[g]!
    })
  }
  return { y, means, inverses }
}

/** y * scale + bias. */
export function applyParameters(
  y: Float64Array,
  { view, parameters }: Normalisation,
  scale: NdArray | undefined,
  bias: NdArray | undefined,
): Float64Array {
  const index = broadcastIndex(parameters, view)
  return y.map((value, i) => value * (scale?.data[index[i]!] ?? 1) + (bias?.data[index[i]!] ?? 0))
}

/**
 * z -> z / sqrt(|z|^2 / N + eps) has a symmetric Jacobian with eigenvalues 1/s across z and eps/s^3 along it, where
 * s = sqrt(|z|^2 / N + eps) >= sqrt(eps): its norm is at most 1/sqrt(eps), reached at z = 0. Taking the mean away is a
 * projection, the scale multiplies by at most max |gamma|, groups are disjoint.
 */
export function normalisationBound(site: Site, { epsilon }: Normalisation): LipschitzRule {
  if (dynamicInputs(site).some((index) => index !== 0)) {
    return { kind: 'unbounded', because: 'its scale or bias depends on the data' }
  }
  const scale = site.constant(1)
  const steepest = scale ? scale.data.reduce((best, value) => Math.max(best, Math.abs(value)), 0) : 1
  const value = roundUp(roundUp((steepest * trueShare(scale?.relativeError)) / Math.sqrt(epsilon)))
  return epsilon > 0 && Number.isFinite(value)
    ? { kind: 'constant', value, because: 'max |scale| / sqrt(epsilon), reached on constant inputs', outputs: [0] }
    : { kind: 'unbounded', because: 'without a positive epsilon it jumps at constant inputs' }
}

export const normalisationRounding: Operator['rounding'] = (): RoundingRule => ({
  kind: 'unknown',
  because: 'dividing by a small deviation magnifies rounding without limit',
})

/** Gradients of input, scale and bias: dx = (1/s) (g - mean g - y mean(g y)) with g = dy * scale; mean g only when centred. */
export function normalisationGradients(
  site: Site,
  b: GradientBuilder,
  dy: string,
  wanted: readonly boolean[],
  n: Normalisation,
): readonly (string | undefined)[] {
  const { dims } = site.input(0)
  const groups = [sizeOf(dims) / n.count, n.count]
  const scalar = (value: number) => b.constant([value], [])
  const reshape = (value: string, shape: Shape) => b.node('Reshape', [value, b.indices(shape)])
  const mean = (value: string) => b.node('ReduceMean', [value, b.indices([1])], { keepdims: 1 })
  const x = reshape(site.input(0).name, groups)
  const z = n.centred ? b.node('Sub', [x, mean(x)]) : x
  const s = b.node('Sqrt', [b.node('Add', [mean(b.node('Mul', [z, z])), scalar(n.epsilon)])])
  const y = b.node('Div', [z, s])

  const cotangent = reshape(dy, n.view)
  const scale = site.inputs[1] && reshape(site.input(1).name, n.parameters)
  const g = reshape(scale ? b.node('Mul', [cotangent, scale]) : cotangent, groups)
  const dx = () => {
    const along = b.node('Mul', [y, mean(b.node('Mul', [g, y]))])
    const across = n.centred ? b.node('Sub', [g, mean(g)]) : g
    return reshape(b.node('Div', [b.node('Sub', [across, along]), s]), dims)
  }
  const toParameter = (value: string, index: number) =>
    reshape(sumTo(b, value, n.view, n.parameters), site.input(index).dims)
  return [
    wanted[0] ? dx() : undefined,
    wanted[1] ? toParameter(b.node('Mul', [cotangent, reshape(y, n.view)]), 1) : undefined,
    wanted[2] ? toParameter(cotangent, 2) : undefined,
  ]
}
