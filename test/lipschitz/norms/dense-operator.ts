/** The oracle of the norm tests: operators written out as matrices by the definition, and their singular values. */
import { singularValues } from '../../../src/linalg/singular-values.ts'
import type { ConvolutionStructure } from '../../../src/ops/operator.ts'

/** Outputs along one axis. */
function outputsOf(s: ConvolutionStructure, d: number): number {
  const span = (s.weights.dims[d + 2]! - 1) * s.dilations[d]! + 1
  return Math.floor((s.spatial[d]! + s.padsBegin[d]! + s.padsEnd[d]! - span) / s.strides[d]!) + 1
}

function* indices(sizes: readonly number[]): Generator<number[]> {
  const total = sizes.reduce((n, x) => n * x, 1)
  for (let k = 0; k < total; k++) {
    const index: number[] = []
    for (let d = sizes.length - 1, rest = k; d >= 0; d--) {
      index.unshift(rest % sizes[d]!)
      rest = Math.floor(rest / sizes[d]!)
    }
    yield index
  }
}

const flat = (index: readonly number[], sizes: readonly number[]) => index.reduce((n, x, d) => n * sizes[d]! + x, 0)

/** The convolution as a matrix `[out pixels * channels, in pixels * channels]`, straight from the ONNX definition. */
export function denseOperator(s: ConvolutionStructure) {
  const kernel = s.weights.dims.slice(2)
  const outputs = kernel.map((_, d) => Math.max(0, outputsOf(s, d)))
  const [out, narrow] = [s.weights.dims[0]!, s.weights.dims[1]!]
  const inputs = narrow * s.groups
  const columns = inputs * s.spatial.reduce((n, x) => n * x, 1)
  const rows = out * outputs.reduce((n, x) => n * x, 1)
  const data = new Float64Array(rows * columns)
  for (let o = 0; o < out; o++)
    for (let c = 0; c < narrow; c++)
      for (const at of indices(outputs))
        for (const tap of indices(kernel)) {
          const from = at.map((x, d) => x * s.strides[d]! + tap[d]! * s.dilations[d]! - s.padsBegin[d]!)
          if (from.some((x, d) => x < 0 || x >= s.spatial[d]!)) continue
          const channel = Math.floor(o / (out / s.groups)) * narrow + c
          const row = flat([o, ...at], [out, ...outputs])
          const column = flat([channel, ...from], [inputs, ...s.spatial])
          data[row * columns + column] += s.weights.data[flat([o, c, ...tap], s.weights.dims)]!
        }
  return { rows, columns, data }
}

/** Largest singular value by dense Jacobi SVD. */
export function denseNorm(s: ConvolutionStructure): number {
  const { rows, columns, data } = denseOperator(s)
  return rows * columns === 0 ? 0 : singularValues(data, rows, columns)[0]!
}

/** The norm when reads outside the signal wrap around (one axis). */
export function circularNorm(s: ConvolutionStructure): number {
  const [n, outputs] = [s.spatial[0]!, outputsOf(s, 0)]
  const [out, inputs, kernel] = s.weights.dims as [number, number, number]
  const [rows, columns] = [out * outputs, inputs * n]
  const data = new Float64Array(rows * columns)
  for (let o = 0; o < out; o++)
    for (let c = 0; c < inputs; c++)
      for (let at = 0; at < outputs; at++)
        for (let t = 0; t < kernel; t++) {
          const from = (at * s.strides[0]! + t * s.dilations[0]! - s.padsBegin[0]! + 10 * n) % n
          data[(o * outputs + at) * columns + c * n + from] += s.weights.data[(o * inputs + c) * kernel + t]!
        }
  return singularValues(data, rows, columns)[0]!
}

/** A convolution with defaults: stride 1, no padding, one group. */
export function convolution(
  dims: readonly number[],
  data: ArrayLike<number>,
  spatial: readonly number[],
  rest: Partial<Omit<ConvolutionStructure, 'kind' | 'weights' | 'spatial'>> & { readonly relativeError?: number } = {},
): ConvolutionStructure {
  const ones = spatial.map(() => 1)
  const zeros = spatial.map(() => 0)
  const { relativeError, ...geometry } = rest
  return {
    kind: 'convolution',
    weights: {
      type: 'float32',
      dims,
      data: Float64Array.from(data),
      ...(relativeError === undefined ? {} : { relativeError }),
    },
    groups: 1,
    strides: ones,
    dilations: ones,
    padsBegin: zeros,
    padsEnd: zeros,
    spatial,
    transposed: false,
    ...geometry,
  }
}
