/**
 * Pairs of linear maps of which the second is the adjoint of the first up to factors of its hidden channels: B = A^T diag(c) + E,
 * with E what float32 weights are off (folded factors round each weight).
 * @module
 */
import { upward } from '../linalg/rounding.ts'
import type { NdArray } from '../onnx/ir.ts'
import type { ConvolutionStructure, LinearStructure, MatrixStructure } from '../ops/operator.ts'
import { absoluteNorm } from './norms/index.ts'

export interface AdjointPair {
  /** c, one a hidden channel. */
  readonly factors: Float64Array
  /** Upper bound of |E|. */
  readonly distance: number
}

/** E this small beside A^T diag(c) is rounding; anything larger is another map. */
const ROUNDING = 2 ** -18

/** @returns undefined when the second is no such adjoint */
export function adjointPair(first: LinearStructure, second: LinearStructure): AdjointPair | undefined {
  if (first.kind === 'matrix' && second.kind === 'matrix') return matrixPair(first, second)
  if (first.kind === 'convolution' && second.kind === 'convolution') return convolutionPair(first, second)
  return undefined
}

function matrixPair(first: MatrixStructure, second: MatrixStructure): AdjointPair | undefined {
  if (first.perturbation || second.perturbation) return undefined
  const [rows, columns] = first.matrix.dims as [number, number]
  const { dims, data, relativeError } = second.matrix
  if (first.matrix.relativeError || relativeError || dims[0] !== columns || dims[1] !== rows) return undefined
  const turned = new Float64Array(data.length)
  for (let c = 0; c < columns; c++) for (let r = 0; r < rows; r++) turned[r * columns + c] = data[c * rows + r]!
  const found = compare(first.matrix.data, turned, rows)
  if (!found) return undefined
  const matrix: NdArray = { type: 'float64', dims: [rows, columns], data: found.rest }
  return { factors: found.factors, distance: found.exact ? 0 : absoluteNorm({ kind: 'matrix', matrix }) }
}

function convolutionPair(first: ConvolutionStructure, second: ConvolutionStructure): AdjointPair | undefined {
  // The factors belong to the output channels of the first map.
  if (first.transposed) return undefined
  const adjoint = second.transposed ? second : asAdjoint(second)
  if (!adjoint || first.groups !== adjoint.groups || first.perturbation || adjoint.perturbation) return undefined
  const [a, b] = [first.weights, adjoint.weights]
  if (a.relativeError || b.relativeError || a.dims.join() !== b.dims.join()) return undefined
  const lists = ['strides', 'dilations', 'padsBegin', 'padsEnd', 'spatial'] as const
  if (!lists.every((key) => first[key].join() === adjoint[key].join())) return undefined
  const found = compare(a.data, b.data, a.dims[0]!)
  if (!found) return undefined
  const weights: NdArray = { type: 'float64', dims: a.dims, data: found.rest }
  return { factors: found.factors, distance: found.exact ? 0 : absoluteNorm({ ...adjoint, weights }) }
}

/**
 * A convolution of stride 1 as the adjoint of another: the adjoint of T reads with the kernel turned around and channels
 * exchanged, and zeros beyond the map are what a full correlation has there.
 */
function asAdjoint(structure: ConvolutionStructure): ConvolutionStructure | undefined {
  const { weights, strides, dilations, padsBegin, padsEnd, spatial, groups } = structure
  if (groups !== 1 || strides.some((stride) => stride !== 1)) return undefined
  const [out, inputs, ...kernel] = weights.dims as [number, number, ...number[]]
  const taps = kernel.reduce((n, k) => n * k, 1)
  const span = kernel.map((k, axis) => (k - 1) * dilations[axis]!)
  const turned = new Float64Array(weights.data.length)
  for (let o = 0; o < out; o++)
    for (let i = 0; i < inputs; i++)
      for (let t = 0; t < taps; t++)
        turned[(i * out + o) * taps + taps - 1 - t] = weights.data[(o * inputs + i) * taps + t]!
  return {
    ...structure,
    weights: { ...weights, dims: [inputs, out, ...kernel], data: turned },
    padsBegin: padsBegin.map((pad, axis) => span[axis]! - pad),
    padsEnd: padsEnd.map((pad, axis) => span[axis]! - pad),
    // The output of this one is the input of the other.
    spatial: spatial.map((size, axis) => size + padsBegin[axis]! + padsEnd[axis]! - span[axis]!),
    transposed: true,
  }
}

interface Comparison {
  readonly factors: Float64Array
  /** |b - c a| elementwise, our own rounding included. */
  readonly rest: Float64Array
  readonly exact: boolean
}

/** b = c_r a + rest, for every one of `rows` rows. */
function compare(a: Float64Array, b: Float64Array, rows: number): Comparison | undefined {
  const length = a.length / rows
  const factors = new Float64Array(rows)
  const rest = new Float64Array(b.length)
  let exact = true
  for (let r = 0; r < rows; r++) {
    const start = r * length
    let top = start
    for (let k = start; k < start + length; k++) if (Math.abs(a[k]!) > Math.abs(a[top]!)) top = k
    const factor = a[top] === 0 ? 0 : b[top]! / a[top]!
    if (!Number.isFinite(factor)) return undefined
    factors[r] = factor
    for (let k = start; k < start + length; k++) {
      const product = factor * a[k]!
      const off = Math.abs(b[k]! - product)
      if (off === 0 && (a[k] === 0 || isPowerOfTwo(factor))) continue
      exact = false
      if (off > ROUNDING * Math.abs(factor * a[top]!)) return undefined
      // The product rounds, and so does the difference.
      rest[k] = upward(off + (Math.abs(product) + off) * 2 ** -52 + 2 ** -1000, 2)
    }
  }
  return { factors, rest, exact }
}

const isPowerOfTwo = (x: number): boolean => x !== 0 && Number.isInteger(Math.log2(Math.abs(x)))
