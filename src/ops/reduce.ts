/**
 * What the Reduce* operators share: which elements form a group, and the ways back from a group to its elements.
 * @module
 */
import type { ElementType, NdArray, Shape } from '../onnx/ir.ts'
import { stridesOf } from './dims.ts'
import { invalid, unsupported } from './invalid.ts'
import type { GradientBuilder, Operator, RoundingRule, Site } from './operator.ts'
import { ulpsOf } from './round-up.ts'
import type { ExpressionId, ExpressionPool, SymbolicArray } from './symbolic.ts'

/** A reduction in its place: group `o` holds the elements `bases[o] + offsets[k]`, k = 0 .. count - 1, in row-major order. */
export interface Reduction {
  readonly dims: Shape
  /** Sorted, not negative. */
  readonly axes: readonly number[]
  /** The dims with 1 at every reduced axis. */
  readonly keptDims: Shape
  /** What the node returns: keptDims, or without the reduced axes. */
  readonly outDims: Shape
  /** Elements in one group. */
  readonly count: number
  readonly bases: Float64Array
  readonly offsets: Float64Array
}

/**
 * Reads axes, keepdims and noop_with_empty_axes. Axes are an attribute before opset `axesInputSince` and input 1 from it on.
 * @param axesInput value of input 1 while evaluating; else the constant of the site
 */
export function reductionOf(site: Site, axesInputSince: number, axesInput?: NdArray): Reduction {
  const { dims } = site.input(0)
  const given = axesOf(site, axesInputSince, axesInput)
  const noop = given.length === 0 && site.opset >= axesInputSince && site.int('noop_with_empty_axes', 0) === 1
  const axes = given.length === 0 && !noop ? dims.map((_, axis) => axis) : normaliseAxes(site, given, dims.length)
  const keptDims = dims.map((size, axis) => (axes.includes(axis) ? 1 : size))
  const outDims = site.int('keepdims', 1) === 0 ? dims.filter((_, axis) => !axes.includes(axis)) : keptDims
  const strides = stridesOf(dims)
  const kept = dims.map((_, axis) => axis).filter((axis) => !axes.includes(axis))
  const offsets = positions(
    axes.map((axis) => dims[axis]!),
    axes.map((axis) => strides[axis]!),
  )
  const bases = positions(
    kept.map((axis) => dims[axis]!),
    kept.map((axis) => strides[axis]!),
  )
  return { dims, axes, keptDims, outDims, count: offsets.length, bases, offsets }
}

function axesOf(site: Site, axesInputSince: number, axesInput: NdArray | undefined): readonly number[] {
  if (site.opset < axesInputSince) return site.ints('axes', [])
  if (site.inputs[1] === undefined) return []
  const value = axesInput ?? site.constant(1)
  if (!value) throw unsupported(site, 'computes its axes from the data, so the shape of its output is not known')
  return [...value.data]
}

/** Sorted, non-negative, distinct; MODEL_INVALID otherwise. */
export function normaliseAxes(site: Site, axes: readonly number[], rank: number): readonly number[] {
  const positive = axes.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b)
  if (positive.some((axis, i) => !Number.isInteger(axis) || axis < 0 || axis >= rank || axis === positive[i - 1])) {
    throw invalid(site, `has axes [${axes.join(', ')}], which do not fit rank ${rank}`)
  }
  return positive
}

/** Offsets of all index tuples of `sizes`, in row-major order. */
function positions(sizes: readonly number[], strides: readonly number[]): Float64Array {
  let result = new Float64Array(1)
  sizes.forEach((size, axis) => {
    const next = new Float64Array(result.length * size)
    for (let i = 0; i < result.length; i++) {
      for (let j = 0; j < size; j++) next[i * size + j] = result[i]! + j * strides[axis]!
    }
    result = next
  })
  return result
}

/**
 * Shape, evaluation and row dependence of a reduction.
 * @param fold maps one group (a buffer that is reused, possibly empty) to its value
 */
export function reduction(
  axesInputSince: number,
  fold: (group: Float64Array, type: ElementType) => number,
): Pick<Operator, 'shape' | 'evaluate' | 'rows'> {
  return {
    shape: (site) => [{ type: site.input(0).type, dims: reductionOf(site, axesInputSince).outDims }],
    evaluate: (site, [x, axes]) => {
      const { outDims, count, bases, offsets } = reductionOf(site, axesInputSince, axes)
      const group = new Float64Array(count)
      const data = new Float64Array(bases.length)
      for (let o = 0; o < bases.length; o++) {
        for (let k = 0; k < count; k++) group[k] = x!.data[bases[o]! + offsets[k]!]!
        data[o] = fold(group, x!.type)
      }
      return [{ type: x!.type, dims: outDims, data }]
    },
    rows: (site) => (reductionOf(site, axesInputSince).axes.includes(0) ? 'mixed' : 'rows'),
  }
}

/** Sum of f over a group. Plain loops: several times as fast as TypedArray.reduce. */
export function sumOf(group: Float64Array, f: (value: number) => number = (value) => value): number {
  let sum = 0
  for (let k = 0; k < group.length; k++) sum += f(group[k]!)
  return sum
}

/** The symbolic form of a reduction whose value is one expression of its group. */
export function symbolicReduction(
  axesInputSince: number,
  fold: (pool: ExpressionPool, group: readonly ExpressionId[]) => ExpressionId,
): NonNullable<Operator['symbolic']> {
  return (site, [x], pool): readonly SymbolicArray[] | undefined => {
    if (!x) return undefined
    const { outDims, bases, offsets } = reductionOf(site, axesInputSince)
    const group = (base: number) => Array.from(offsets, (offset) => x.ids[base + offset]!)
    return [{ dims: outDims, ids: bases.map((base) => fold(pool, group(base))) }]
  }
}

/** A tensor of the output's shape, repeated over the reduced axes: the adjoint of the sum. */
export function expandToInput(b: GradientBuilder, value: string, r: Reduction): string {
  return b.node('Expand', [withKeptDims(b, value, r), b.indices(r.dims)])
}

/** A tensor of the output's shape, reshaped so that it broadcasts against the input. */
export function withKeptDims(b: GradientBuilder, value: string, r: Reduction): string {
  return r.outDims.length === r.keptDims.length ? value : b.node('Reshape', [value, b.indices(r.keptDims)])
}

/**
 * Gradient of ReduceMax ('last' maximal element) and ReduceMin ('first' minimal element): all of it goes to one element of
 * each group. The two choices differ on a tied pair, so ReduceMin and ReduceMax of the same pair together are an exact
 * permutation everywhere, and the gradient keeps its norm (GroupSort2 in Reshape form).
 */
export function selectExtremum(site: Site, b: GradientBuilder, dy: string, r: Reduction, which: 'max' | 'min'): string {
  const x = site.input(0).name
  const g = withKeptDims(b, dy, r)
  const zero = b.constant([0], [])
  if (r.count === 1) return b.node('Reshape', [g, b.indices(r.dims)])
  if (r.axes.length === 1 && r.count === 2) {
    const axis = r.axes[0]!
    const part = (i: number) => b.node('Slice', [x, b.indices([i]), b.indices([i + 1]), b.indices([axis])])
    const [first, second] = [part(0), part(1)]
    const takesFirst = b.node(which === 'max' ? 'Greater' : 'LessOrEqual', [first, second])
    return b.node('Concat', [b.node('Where', [takesFirst, g, zero]), b.node('Where', [takesFirst, zero, g])], { axis })
  }
  // Positions inside the group as float32, exact below 2^24; of the extremal ones the last (first) is taken.
  const range = b.constant(
    Array.from({ length: r.count }, (_, k) => k),
    r.dims.map((size, axis) => (r.axes.includes(axis) ? size : 1)),
  )
  const extremal = b.node('Equal', [x, withKeptDims(b, site.outputs[0]!.name, r)])
  const score = b.node('Where', [extremal, range, b.constant([which === 'max' ? -1 : r.count], [])])
  const chosen = b.node(which === 'max' ? 'ReduceMax' : 'ReduceMin', [score, b.indices(r.axes)], { keepdims: 1 })
  return b.node('Where', [b.node('Equal', [score, chosen]), g, zero])
}

/**
 * Whether the squares of a constant are certain to be far above the underflow of float32 in every group, or zero: then what
 * underflow takes away is less than an ulp of the sum. Never certain for data.
 */
export function squaresAreNormal(site: Site, r: Reduction): boolean {
  const data = site.constant(0)?.data
  return data?.every((value) => value === 0 || value * value >= r.count * 2 ** -100) ?? false
}

/** A sum of `terms` non-negative numbers that each carry `extra` roundings has a small relative error, in any order. */
export function positiveSum(terms: number, extra = 0, absolute = 0): RoundingRule {
  const ulps = ulpsOf(terms + extra)
  return ulps === undefined
    ? { kind: 'unknown', because: `a float32 sum of ${terms} terms has no useful error bound` }
    : { kind: 'relative', ulps, absolute }
}
