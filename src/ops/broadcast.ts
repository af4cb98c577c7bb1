/**
 * ONNX multidirectional broadcasting: shapes, evaluation, expressions, and its adjoint (a sum over the repeated axes).
 * @module
 */
import type { ElementType, NdArray, Shape } from '../onnx/ir.ts'
import { sameDims, sizeOf } from './dims.ts'
import { invalid } from './invalid.ts'
import type { GradientBuilder, Site } from './operator.ts'
import { sqrtUp } from './round-up.ts'
import type { ExpressionId, ExpressionPool, SymbolicArray } from './symbolic.ts'

/** The common shape of operands that broadcast against each other. */
export function broadcastDims(site: Site, shapes: readonly Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((dims) => dims.length))
  const result = new Array<number>(rank).fill(1)
  for (const dims of shapes) {
    dims.forEach((dim, i) => {
      const axis = i + rank - dims.length
      if (dim === 1) return
      if (result[axis] !== 1 && result[axis] !== dim)
        throw invalid(site, `cannot broadcast shapes ${shapes.map((shape) => `[${shape}]`).join(' and ')}`)
      result[axis] = dim
    })
  }
  return result
}

/** Shape rule of an elementwise operator over all its inputs. */
export function broadcastShape(site: Site): Shape {
  return broadcastDims(
    site,
    site.inputs.map((_, index) => site.input(index).dims),
  )
}

/** For every element of `target`, row-major, the position of the operand's element that lands there. */
export function broadcastIndex(dims: Shape, target: Shape): Int32Array {
  const size = sizeOf(target)
  const index = new Int32Array(size)
  const rank = target.length
  const strides = new Int32Array(rank)
  for (let axis = rank - 1, stride = 1; axis >= 0; axis--) {
    const dim = dims[axis - rank + dims.length] ?? 1
    strides[axis] = dim === 1 ? 0 : stride
    stride *= dim
  }
  const counter = new Int32Array(rank)
  for (let i = 0, position = 0; i < size; i++) {
    index[i] = position
    for (let axis = rank - 1; axis >= 0; axis--) {
      position += strides[axis]
      if (++counter[axis] < target[axis]) break
      position -= strides[axis] * target[axis]
      counter[axis] = 0
    }
  }
  return index
}

/** f(a, b) elementwise with broadcasting. */
export function zip(
  site: Site,
  a: NdArray,
  b: NdArray,
  f: (a: number, b: number) => number,
  type: ElementType = a.type,
): NdArray {
  const dims = broadcastDims(site, [a.dims, b.dims])
  const data = new Float64Array(sizeOf(dims))
  const x = a.data
  const y = b.data
  if (sameDims(a.dims, b.dims)) {
    for (let i = 0; i < data.length; i++) data[i] = f(x[i], y[i])
  } else if (y.length === 1 && sameDims(a.dims, dims)) {
    for (let i = 0; i < data.length; i++) data[i] = f(x[i], y[0])
  } else if (x.length === 1 && sameDims(b.dims, dims)) {
    for (let i = 0; i < data.length; i++) data[i] = f(x[0], y[i])
  } else {
    const p = broadcastIndex(a.dims, dims)
    const q = broadcastIndex(b.dims, dims)
    for (let i = 0; i < data.length; i++) data[i] = f(x[p[i]], y[q[i]])
  }
  return { type, dims, data }
}

/** How often the elements of an operand are repeated in the output. */
export function multiplicity(dims: Shape, target: Shape): number {
  const size = sizeOf(dims)
  return size === 0 ? 1 : sizeOf(target) / size
}

/** Norm of the map that repeats an operand of shape `dims` to `target`: the square root of its multiplicity. */
export function repetitionNorm(dims: Shape, target: Shape): number {
  return sqrtUp(multiplicity(dims, target))
}

/** The expressions of input `index`; a constant operand becomes constant expressions. */
export function expressions(
  site: Site,
  inputs: readonly (SymbolicArray | undefined)[],
  index: number,
  pool: ExpressionPool,
): SymbolicArray | undefined {
  if (inputs[index]) return inputs[index]
  const value = site.constant(index)
  return value && { dims: value.dims, ids: value.data.map((x) => pool.constant(x)) }
}

/** Applies `f` to the operands' expressions, element by element with broadcasting. */
export function zipExpressions(
  site: Site,
  inputs: readonly (SymbolicArray | undefined)[],
  pool: ExpressionPool,
  f: (ids: readonly ExpressionId[]) => ExpressionId,
): readonly SymbolicArray[] | undefined {
  const operands = site.inputs.map((_, index) => expressions(site, inputs, index, pool))
  if (!operands.every((operand) => operand !== undefined)) return undefined
  const dims = broadcastDims(
    site,
    operands.map((operand) => operand.dims),
  )
  const ids = new Float64Array(sizeOf(dims))
  // One array for all elements: no rule keeps the one that it is given. It holds float64 from the start, as it will.
  const elements = new Array<ExpressionId>(operands.length).fill(0.5)
  if (operands.every((operand) => sameDims(operand.dims, dims))) {
    for (let i = 0; i < ids.length; i++) {
      for (let k = 0; k < elements.length; k++) elements[k] = operands[k].ids[i]
      ids[i] = f(elements)
    }
    return [{ dims, ids }]
  }
  const indices = operands.map((operand) => broadcastIndex(operand.dims, dims))
  for (let i = 0; i < ids.length; i++) {
    for (let k = 0; k < elements.length; k++) elements[k] = operands[k].ids[indices[k][i]]
    ids[i] = f(elements)
  }
  return [{ dims, ids }]
}

/** The adjoint of broadcasting `dims` to `from`: sums the cotangent over the repeated axes. */
export function sumTo(b: GradientBuilder, cotangent: string, from: Shape, dims: Shape): string {
  if (sameDims(from, dims)) return cotangent
  const lead = from.length - dims.length
  const axes = from.flatMap((dim, axis) => (axis < lead || (dims[axis - lead] === 1 && dim !== 1) ? [axis] : []))
  const summed = axes.length === 0 ? cotangent : b.node('ReduceSum', [cotangent, b.indices(axes)], { keepdims: 1 })
  return lead === 0 ? summed : b.node('Reshape', [summed, b.indices(dims)])
}
