import { largestMagnitude, scaleUpperBound } from '../../linalg/power-of-two.ts'
import { gamma, nextUp, upward } from '../../linalg/rounding.ts'
import type { NdArray } from '../../onnx/ir.ts'
import type { ConvolutionStructure, LinearStructure } from '../../ops/operator.ts'
import { timesUp } from '../../ops/sum-up.ts'
import type { NormOptions } from './convolution.ts'
import { axesOf } from './geometry.ts'
import { encloseMatrix } from './matrix.ts'
import { storedRelativeError } from './perturbed.ts'
import { phaseKernel } from './phase-kernel.ts'

/**
 * Upper bound of || |T| ||_2, the norm of the operator with the absolute values of the entries of T: what a forward rounding
 * error can be amplified by. A closed-form norm is by contract a bound of it, too.
 */
export function absoluteNorm(structure: LinearStructure, options: NormOptions = {}): number {
  switch (structure.kind) {
    case 'convolution':
      return absoluteConvolution(structure, options)
    case 'matrix': {
      const { perturbation = 0 } = structure
      return sum(absoluteMatrix(structure.matrix, options), perturbation)
    }
    case 'blocks':
      return structure.blocks.reduce((most, matrix) => Math.max(most, absoluteMatrix(matrix, options)), 0)
    case 'diagonal':
      return largestUp(structure.scale)
    case 'kronecker':
      // |A (x) B| = |A| (x) |B|.
      return structure.factors.reduce((product, factor, i) => {
        const absolute = sum(absoluteMatrix(factor, options), structure.perturbations?.[i] ?? 0)
        return timesUp(product, absolute)
      }, 1)
    case 'closed-form':
      return structure.norm
  }
}

/** max |c| over the array, with the error of each element. */
export function largestUp(scale: NdArray): number {
  const largest = largestMagnitude(scale.data)
  if (!Number.isFinite(largest)) return Number.POSITIVE_INFINITY
  return inflate(largest, scale.relativeError)
}

function absoluteMatrix(matrix: NdArray, options: NormOptions): number {
  const { upper } = encloseMatrix(
    { matrix: { type: matrix.type, dims: matrix.dims, data: matrix.data.map(Math.abs) } },
    options,
  )
  return inflate(upper, matrix.relativeError)
}

/**
 * The symbol of a kernel with entries >= 0 is largest at frequency 0: |F(w)| <= || sum_t |P_t| ||, a matrix norm that holds for every
 * size and padding. So taps that meet only padding at the size at hand count, too.
 */
function absoluteConvolution(structure: ConvolutionStructure, options: NormOptions): number {
  const { weights, groups, perturbation = 0 } = structure
  const axes = axesOf(structure)
  if (!Number.isFinite(largestMagnitude(weights.data))) return Number.POSITIVE_INFINITY
  const size = weights.data.length / groups
  let most = 0
  for (let g = 0; g < groups; g++) {
    const group = {
      out: weights.dims[0]! / groups,
      in: weights.dims[1]!,
      data: weights.data.subarray(g * size, (g + 1) * size),
    }
    const kernel = phaseKernel(group, axes, undefined)
    if (!kernel) continue
    const { short, long, count, data, exponent } = kernel
    const total = new Float64Array(short * long)
    for (let t = 0, k = 0; t < count; t++) for (let i = 0; i < total.length; i++, k++) total[i] += Math.abs(data[k]!)
    const { upper } = encloseMatrix({ matrix: { type: 'float64', dims: [short, long], data: total } }, options)
    most = Math.max(most, scaleUpperBound(upward(upper * (1 + 2 * gamma(count + 2))), exponent))
  }
  return sum(inflate(most, weights.relativeError), perturbation)
}

function inflate(bound: number, relativeError: number | undefined): number {
  const relative = storedRelativeError(relativeError)
  // Stored zeros of which nothing is known may be anything.
  if (relative === Number.POSITIVE_INFINITY) return relative
  return relative === 0 ? bound : upward(bound * (1 + relative), 3)
}

function sum(a: number, b: number): number {
  return b === 0 ? a : nextUp(a + b)
}
