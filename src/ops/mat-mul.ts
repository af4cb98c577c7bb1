import type { NdArray, Shape } from '../onnx/ir.ts'
import { inversePermutation } from './axes.ts'
import { broadcastDims, broadcastIndex, multiplicity, sumTo } from './broadcast.ts'
import { sizeOf } from './dims.ts'
import { invalid } from './invalid.ts'
import { crudeNorm, multiplyInto, transposed } from './matrix-product.ts'
import type { GradientBuilder, LipschitzRule, Operator, Site } from './operator.ts'
import { sqrtUp, trueShare } from './round-up.ts'
import { allFinite, closedForm, dot, dynamicInputs, unbounded } from './rules.ts'
import { roundUpBy, timesUp } from './sum-up.ts'

/** The operands as stacks of matrices: a vector on the left is a row, one on the right a column. */
interface Product {
  readonly left: Shape
  readonly right: Shape
  readonly stack: Shape
  readonly rows: number
  readonly inner: number
  readonly columns: number
  /** Dims of the result, without the axes that vectors lend. */
  readonly dims: Shape
}

function productOf(site: Site, a: Shape, b: Shape): Product {
  if (a.length === 0 || b.length === 0) throw invalid(site, 'multiplies a scalar')
  const left = a.length === 1 ? [1, ...a] : a
  const right = b.length === 1 ? [...b, 1] : b
  const [rows, inner] = left.slice(-2)
  const [other, columns] = right.slice(-2)
  if (inner !== other) throw invalid(site, `cannot multiply [${a}] with [${b}]`)
  const stack = broadcastDims(site, [left.slice(0, -2), right.slice(0, -2)])
  const dims = [...stack, ...(a.length === 1 ? [] : [rows]), ...(b.length === 1 ? [] : [columns])]
  return { left, right, stack, rows, inner, columns, dims }
}

/** The matrix product of numpy: the last two axes are matrices, the others broadcast. */
export const MatMul: Operator = {
  type: 'MatMul',
  shape: (site) => [{ type: site.input(0).type, dims: productOf(site, site.input(0).dims, site.input(1).dims).dims }],
  evaluate: (site, [a, b]) => {
    const { left, right, stack, rows, inner, columns, dims } = productOf(site, a!.dims, b!.dims)
    const data = new Float64Array(sizeOf(dims))
    if (right.length === 2) multiplyInto(data, 0, a!.data, 0, b!.data, 0, sizeOf(stack) * rows, inner, columns)
    else {
      const p = broadcastIndex(left.slice(0, -2), stack)
      const q = broadcastIndex(right.slice(0, -2), stack)
      for (let s = 0; s < p.length; s++)
        multiplyInto(
          data,
          s * rows * columns,
          a!.data,
          p[s] * rows * inner,
          b!.data,
          q[s] * inner * columns,
          rows,
          inner,
          columns,
        )
    }
    return [{ type: a!.type, dims, data }]
  },
  lipschitz: (site) => {
    const dynamic = dynamicInputs(site)
    if (dynamic.length > 1) return unbounded('both factors depend on the input')
    return constantFactor(site, dynamic[0] === 0 ? 1 : 0)
  },
  magnitudes: (site, inputs) => MatMul.evaluate(site, inputs),
  rounding: (site) => dot(productOf(site, site.input(0).dims, site.input(1).dims).inner),
  rows: (site) => {
    const [a, b] = [site.input(0), site.input(1)]
    const { dims } = productOf(site, a.dims, b.dims)
    // Axis 0 must be a stack axis, or the rows of a matrix on the left, for every operand that varies.
    const left =
      a.constant !== undefined || (a.dims.length >= 2 && a.dims.length === dims.length && a.dims[0] === dims[0])
    const right =
      b.constant !== undefined || (b.dims.length >= 3 && b.dims.length === dims.length && b.dims[0] === dims[0])
    return left && right ? 'rows' : 'mixed'
  },
  vjp: (site, b, [dy], wanted) => {
    if (!dy) return [undefined, undefined]
    return [0, 1].map((index) => (wanted[index] ? factorGradient(site, b, dy, index, wanted) : undefined))
  },
}

/** One operand is constant: a matrix, or a stack of matrices that act on separate parts of the other operand. */
function constantFactor(site: Site, index: number): LipschitzRule {
  const weights = site.constant(index)!
  if (!allFinite(weights)) return unbounded('its weights are not all finite')
  const { left, right, stack, inner, rows, columns } = productOf(site, site.input(0).dims, site.input(1).dims)
  const [own, other] = index === 0 ? [left, right] : [right, left]
  const [height, width] = own.slice(-2)
  const count = sizeOf(own.slice(0, -2))
  const repeats = multiplicity(other.slice(0, -2), stack)
  const one = (at: number): NdArray => {
    const data = weights.data.subarray(at * height * width, (at + 1) * height * width)
    // y = x W needs W^T as the matrix [out, in]; y = W x needs W.
    return index === 0
      ? { ...weights, dims: [rows, inner], data }
      : { ...weights, dims: [columns, inner], data: transposed(data, inner, columns) }
  }
  if (count === 1 && repeats === 1) return { kind: 'affine', structure: { kind: 'matrix', matrix: one(0) } }
  if (repeats === 1)
    return {
      kind: 'affine',
      structure: { kind: 'blocks', blocks: Array.from({ length: count }, (_, at) => one(at)) },
    }
  let largest = 0
  for (let at = 0; at < count; at++)
    largest = Math.max(largest, crudeNorm(weights.data, at * height * width, height, width))
  const norm = roundUpBy(largest, height * width + 8) * trueShare(weights.relativeError)
  return closedForm(
    timesUp(norm, sqrtUp(repeats)),
    'the largest norm of the stacked matrices (Frobenius or Schur), times the root of how often the other factor is repeated',
  )
}

function factorGradient(site: Site, b: GradientBuilder, dy: string, index: number, wanted: readonly boolean[]): string {
  const { left, right, stack, rows, inner, columns, dims } = productOf(site, site.input(0).dims, site.input(1).dims)
  const [own, other] = index === 0 ? [left, right] : [right, left]
  const full = [...stack, rows, columns]
  const matrices = (name: string, from: Shape, to: Shape) =>
    from.length === to.length ? name : b.node('Reshape', [name, b.indices(to)])
  const cotangent = matrices(dy, dims, full)
  const operand = site.input(1 - index)
  const result = (value: string, at: Shape) => {
    const summed = sumTo(b, value, at, own)
    return matrices(summed, own, site.input(index).dims)
  }
  if (index === 1 && right.length === 2 && left.length > 2) {
    // One matrix for the whole stack: a single product over all rows.
    const all = sizeOf(stack) * rows
    const flatLeft = b.node('Reshape', [operand.name, b.indices([all, inner])])
    const flat = b.node('Reshape', [cotangent, b.indices([all, columns])])
    return result(b.node('Gemm', [flatLeft, flat], { transA: 1 }), own)
  }
  const turnedOther = turned(site, b, 1 - index, other, wanted)
  return index === 0
    ? result(b.node('MatMul', [cotangent, turnedOther]), [...stack, rows, inner])
    : result(b.node('MatMul', [turnedOther, cotangent]), [...stack, inner, columns])
}

/** The operand with its last two axes swapped; stored that way when it is constant. */
function turned(site: Site, b: GradientBuilder, index: number, dims: Shape, wanted: readonly boolean[]): string {
  const { name, constant, dims: declared } = site.input(index)
  const [height, width] = dims.slice(-2)
  const lead = dims.slice(0, -2)
  if (constant && !wanted[index]) {
    const block = height * width
    const data = new Float64Array(constant.data.length)
    for (let at = 0; at < data.length; at += block)
      data.set(transposed(constant.data.subarray(at, at + block), height, width), at)
    return b.constant(data, [...lead, width, height])
  }
  const matrix = declared.length === dims.length ? name : b.node('Reshape', [name, b.indices(dims)])
  const perm = dims.map((_, axis) => axis)
  perm.splice(-2, 2, dims.length - 1, dims.length - 2)
  return b.node('Transpose', [matrix], { perm: inversePermutation(perm) })
}
