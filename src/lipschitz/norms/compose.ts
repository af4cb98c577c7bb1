/**
 * Linear maps that are one linear map: a convolution after a convolution, a dense layer after a dense layer. The norm of the whole is
 * at most, and often far below, the product of the norms.
 * @module
 */
import { binaryExponent, largestMagnitude, scaledCopy, scaleUpperBound } from '../../linalg/power-of-two.ts'
import { addProductTransposed } from '../../linalg/product.ts'
import { gamma, UNIT, upward } from '../../linalg/rounding.ts'
import type { ConvolutionStructure, MatrixStructure } from '../../ops/operator.ts'
import { sumUp, timesUp } from '../../ops/sum-up.ts'
import { absoluteNorm } from './absolute.ts'
import { type Axis, axesOf } from './geometry.ts'
import { jointRelativeError, storedRelativeError } from './perturbed.ts'

/** Larger kernels are not worth composing. */
const LARGEST_KERNEL = 2e7
const LARGEST_WORK = 3e8

/**
 * The convolution `second after first`, or undefined when it is none. Sound only because `second` reads no padding: a position that
 * the first convolution does not produce would be 0 for the second, but not for the composed kernel.
 */
export function composeConvolutions(
  first: ConvolutionStructure,
  second: ConvolutionStructure,
): ConvolutionStructure | undefined {
  if (first.transposed || second.transposed || first.spatial.length !== second.spatial.length) return undefined
  const a = axesOf(first)
  const b = axesOf(second)
  const middle = first.weights.dims[0]!
  if (middle !== second.weights.dims[1]! * second.groups) return undefined
  if (!a.every((axis, d) => axis.outputs === second.spatial[d] && axis.outputs > 0)) return undefined
  if (!b.every((axis) => axis.outputs > 0 && readsNoPadding(axis))) return undefined

  const kernel = a.map(
    (axis, d) => (axis.kernel - 1) * axis.dilation + (b[d]!.kernel - 1) * b[d]!.dilation * axis.stride + 1,
  )
  const strides = a.map((axis, d) => axis.stride * b[d]!.stride)
  const padsBegin = a.map((axis, d) => axis.begin + axis.stride * b[d]!.begin)
  const padsEnd = a.map((axis, d) => (b[d]!.outputs - 1) * strides[d]! + kernel[d]! - axis.size - padsBegin[d]!)
  const groups = gcd(first.groups, second.groups)
  const inputs = first.weights.dims[1]! * first.groups
  const outputs = second.weights.dims[0]!
  const taps = kernel.reduce((n, k) => n * k, 1)
  const dims = [outputs, inputs / groups, ...kernel]
  const size = (outputs * inputs * taps) / groups
  const work = (second.weights.data.length * first.weights.data.length) / middle
  if (size > LARGEST_KERNEL || work > LARGEST_WORK) return undefined
  const magnitudes = [largestMagnitude(first.weights.data), largestMagnitude(second.weights.data)]
  if (!magnitudes.every((m) => Number.isFinite(m) && m > 0)) return undefined
  const relative = relativeErrorOf(first.weights, second.weights)
  // Weights of which nothing is known are not known better as one operator.
  if (relative === Number.POSITIVE_INFINITY) return undefined

  const exponents = magnitudes.map(binaryExponent)
  const scaled = [first, second].map(({ weights }, k) => scaledCopy(weights.data, -exponents[k]!))
  // Elements that scaling would lose may meet the largest of the other kernel.
  if (scaled.some((copy, k) => loses(copy, [first, second][k]!.weights.data))) return undefined
  const sums = createSums(size)
  accumulate(sums, first, second, { a: scaled[0]!, b: scaled[1]!, groups, kernel, axes: [a, b] })
  const exponent = exponents[0]! + exponents[1]!
  const spread = schurOfKernel(elementErrors(sums, relative), outputs, inputs / groups, taps, groups)
  const data = scaledCopy(sums.sum, exponent)
  // Elements that leave the normal range lose at most 2^-1074 each.
  const lost = data.some((x, i) => Math.abs(x) < 2 ** -1020 && sums.sum[i] !== 0) ? size * 2 ** -1074 : 0
  const perturbation = sumUp([scaleUpperBound(spread, exponent), lost, composedPerturbation(first, second)])
  return {
    kind: 'convolution',
    weights: { type: 'float64', dims, data },
    groups,
    strides,
    dilations: strides.map(() => 1),
    padsBegin,
    padsEnd,
    spatial: first.spatial,
    transposed: false,
    ...(perturbation > 0 ? { perturbation } : {}),
  }
}

/** The matrix `second first`, its rounding as a perturbation; undefined when the sides do not fit. */
export function composeMatrices(first: MatrixStructure, second: MatrixStructure): MatrixStructure | undefined {
  const [middle, inputs] = first.matrix.dims as [number, number]
  const [outputs, other] = second.matrix.dims as [number, number]
  if (other !== middle || first.matrix.dims.length !== 2 || second.matrix.dims.length !== 2) return undefined
  if (outputs * middle * inputs > 1e10) return undefined
  const columns = new Float64Array(middle * inputs)
  for (let m = 0; m < middle; m++)
    for (let i = 0; i < inputs; i++) columns[i * middle + m] = first.matrix.data[m * inputs + i]!
  const data = new Float64Array(outputs * inputs)
  addProductTransposed(data, 0, inputs, second.matrix.data, 0, middle, columns, 0, middle, outputs, inputs, middle)
  const [a, b] = [absoluteNorm(first), absoluteNorm(second)]
  const relative = relativeErrorOf(first.matrix, second.matrix)
  if (relative === Number.POSITIVE_INFINITY) return undefined
  // |fl(BA) - BA| <= g(middle) |B||A| elementwise; what underflows is at most 2^-1074 a product.
  const perturbation = upward(
    (gamma(middle + 4) + relative) * a * b + middle * Math.sqrt(outputs * inputs) * 2 ** -1074,
    6,
  )
  return {
    kind: 'matrix',
    matrix: { type: 'float64', dims: [outputs, inputs], data },
    perturbation: sumUp([perturbation, composedPerturbation(first, second)]),
  }
}

/** No output index reaches outside 0..size-1. */
function readsNoPadding({ size, kernel, stride, dilation, begin, outputs }: Axis): boolean {
  return begin <= 0 && stride * (outputs - 1) + dilation * (kernel - 1) - begin <= size - 1
}

/** (B + dB)(A + dA) - BA, from absolute norms that already contain the perturbations. */
function composedPerturbation(
  first: ConvolutionStructure | MatrixStructure,
  second: ConvolutionStructure | MatrixStructure,
): number {
  const [p, q] = [first.perturbation ?? 0, second.perturbation ?? 0]
  return sumUp([p === 0 ? 0 : timesUp(p, absoluteNorm(second)), q === 0 ? 0 : timesUp(q, absoluteNorm(first))])
}

/** Bound of |a b - a_stored b_stored| relative to |a_stored b_stored|. */
function relativeErrorOf(a: { readonly relativeError?: number }, b: { readonly relativeError?: number }): number {
  return jointRelativeError(storedRelativeError(a.relativeError), storedRelativeError(b.relativeError))
}

/** An element that is not 0 has left the normal range. */
function loses(scaled: Float64Array, data: Float64Array): boolean {
  return scaled.some((x, i) => Math.abs(x) < 2 ** -1022 && data[i] !== 0)
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}

/** Sums of products in twice the working precision: value, compensation and absolute sum of every element. */
interface Sums {
  readonly sum: Float64Array
  readonly rest: Float64Array
  readonly magnitude: Float64Array
  readonly terms: Int32Array
}

function createSums(size: number): Sums {
  return {
    sum: new Float64Array(size),
    rest: new Float64Array(size),
    magnitude: new Float64Array(size),
    terms: new Int32Array(size),
  }
}

interface Composition {
  /** Scaled weights of both convolutions. */
  readonly a: Float64Array
  readonly b: Float64Array
  readonly groups: number
  readonly kernel: readonly number[]
  readonly axes: readonly [readonly Axis[], readonly Axis[]]
}

function accumulate(sums: Sums, first: ConvolutionStructure, second: ConvolutionStructure, plan: Composition): void {
  const { a, b, groups, kernel, axes } = plan
  const [outputs, wide, ...kb] = second.weights.dims as [number, number, ...number[]]
  const [middle, narrow, ...ka] = first.weights.dims as [number, number, ...number[]]
  const inputs = narrow * first.groups
  const [ta, tb, taps] = [ka, kb, kernel].map((k) => k.reduce((n, x) => n * x, 1)) as [number, number, number]
  // place[s * ta + t]: composed tap of tap t of the first and tap s of the second.
  const place = new Int32Array(ta * tb)
  for (let s = 0; s < tb; s++)
    for (let t = 0; t < ta; t++) {
      let at = 0
      let unit = 1
      for (let d = kernel.length - 1, p = s, q = t; d >= 0; d--) {
        const x = p % kb[d]!
        const y = q % ka[d]!
        p = Math.floor(p / kb[d]!)
        q = Math.floor(q / ka[d]!)
        at += unit * (y * axes[0][d]!.dilation + x * axes[1][d]!.dilation * axes[0][d]!.stride)
        unit *= kernel[d]!
      }
      place[s * ta + t] = at
    }
  for (let o = 0; o < outputs; o++) {
    const block = Math.floor(o / (outputs / groups))
    const base = Math.floor(o / (outputs / second.groups)) * wide
    for (let w = 0; w < wide; w++) {
      const m = base + w
      const channel = Math.floor(m / (middle / first.groups)) * narrow - (block * inputs) / groups
      for (let s = 0; s < tb; s++) {
        const y = b[(o * wide + w) * tb + s]!
        if (y === 0) continue
        for (let c = 0; c < narrow; c++)
          for (let t = 0; t < ta; t++) {
            const x = a[(m * narrow + c) * ta + t]!
            if (x !== 0) addProduct(sums, ((o * inputs) / groups + channel + c) * taps + place[s * ta + t]!, x, y)
          }
      }
    }
  }
}

/** sum[at] += x y with the rounding errors of product (Dekker) and sum (Knuth) collected in rest. */
function addProduct({ sum, rest, magnitude, terms }: Sums, at: number, x: number, y: number): void {
  const product = x * y
  const xs = 134217729 * x
  const xh = xs - (xs - x)
  const xl = x - xh
  const ys = 134217729 * y
  const yh = ys - (ys - y)
  const yl = y - yh
  const low = xl * yl - (product - xh * yh - xl * yh - xh * yl)
  const before = sum[at]!
  const after = before + product
  const virtual = after - before
  rest[at] += before - (after - virtual) + (product - virtual) + low
  sum[at] = after
  magnitude[at] += Math.abs(product)
  terms[at]++
}

/**
 * Rounds the sums and returns a bound of the absolute error of each: u |value| + g(n)² sum |a||b| (Ogita, Rump, Oishi, Accurate sum and
 * dot product, SISC 2005, proposition 5.5), plus the weights' own relative error. Products below 2^-900 may have lost 2^-1000.
 */
function elementErrors({ sum, rest, magnitude, terms }: Sums, relative: number): Float64Array {
  const errors = new Float64Array(sum.length)
  for (let i = 0; i < sum.length; i++) {
    const n = terms[i]!
    if (n === 0) continue
    const g = gamma(2 * n + 4)
    const exact = n === 1 && rest[i] === 0 && magnitude[i]! > 2 ** -900
    if (!exact) {
      sum[i] += rest[i]!
      errors[i] = 2 * UNIT * Math.abs(sum[i]!) * (rest[i] === 0 ? 0 : 1) + 2 * g * g * magnitude[i]! + n * 2 ** -1000
    }
    if (relative > 0) errors[i] = upward(errors[i]! + relative * magnitude[i]! * (1 + g), 3)
  }
  return errors
}

/** sqrt(|E|_1 |E|_inf) of a convolution with non-negative kernel E, for every size. */
function schurOfKernel(errors: Float64Array, out: number, inputs: number, taps: number, groups: number): number {
  const rows = new Float64Array(out)
  const columns = new Float64Array(inputs * groups)
  for (let o = 0, k = 0; o < out; o++) {
    const block = Math.floor(o / (out / groups)) * inputs
    for (let c = 0; c < inputs; c++)
      for (let t = 0; t < taps; t++, k++) {
        rows[o] += errors[k]!
        columns[block + c] += errors[k]!
      }
  }
  const [row, column] = [largestMagnitude(rows), largestMagnitude(columns)]
  if (row === 0 || column === 0) return 0
  return upward(Math.sqrt(row) * Math.sqrt(column) * (1 + 2 * gamma(errors.length + 8)), 4)
}
