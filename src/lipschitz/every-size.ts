/**
 * Rules that hold for every height and width (docs/soundness.md 6.4). A program at one size gives the graph, another at a second
 * size shows which axes are open; what must not differ at any other size is followed by name (open-symbols.ts). Then
 * - what acts on each position alone, with the same constants at all of them, is a direct sum over the positions: its constant is
 *   that of one position, whatever their number. The same holds for windows that do not overlap, with cells for positions;
 * - a convolution is at most the supremum of its symbol over all frequencies, for every size and zero padding;
 * - overlapping windows of MaxPool count at most min(k, ceil(((k - 1) d + 1) / s)) times along an axis;
 * - a mean over n positions has norm 1 / sqrt(n) <= 1, and maxima and L2 norms have 1.
 * Everything else has no bound for every size, and is refused by name.
 * @module
 */
import type { Program, ProgramNode } from '../graph/program.ts'
import { isFloat } from '../onnx/element-types.ts'
import type { Shape } from '../onnx/ir.ts'
import type { LipschitzRule, Operand, Site } from '../ops/operator.ts'
import { roundUpBy } from '../ops/sum-up.ts'
import { openSymbols } from './open-symbols.ts'

export interface EverySize {
  /** The rule of a node at every size; the bound of a convolution is put in by the caller. */
  rule(node: ProgramNode, own: LipschitzRule): LipschitzRule
  /** May the node be looked through when elements are followed one by one? */
  fuses(node: ProgramNode): boolean
  /** Its constants and its closed sizes are the same for all sizes. */
  steady(node: ProgramNode): boolean
}

/** Element by element, with broadcasting. */
const POINTWISE = new Set(
  (
    'Relu LeakyRelu PRelu Elu Celu Selu Sigmoid HardSigmoid HardSwish Tanh Softplus Softsign Erf Gelu Mish Swish Abs Neg Clip ' +
    'Identity Dropout Cast Atan Sin Cos Sqrt Pow Sign Reciprocal Exp Log Mul Div Add Sub Sum Mean Max Min Where Greater ' +
    'GreaterOrEqual Less LessOrEqual Not Asinh'
  ).split(' '),
)
/** Along axes that are not open, the same at every position. */
const CHANNELWISE = new Set(
  (
    'BatchNormalization Concat Split Slice Gather Softmax LogSoftmax TopK ReduceMax ReduceMin ReduceMean ReduceSum ReduceL1 ' +
    'ReduceL2 ReduceSumSquare ReduceLogSumExp Transpose Unsqueeze Squeeze Reshape Flatten MatMul Gemm Expand LRN'
  ).split(' '),
)
/** Of which data stays where it is in memory. */
const RESHAPES = new Set('Reshape Flatten Squeeze Unsqueeze'.split(' '))
/** Whose integer operand is a shape. */
const SHAPED = new Set(['Reshape', 'Expand'])
/** One to one at every size. */
const BIJECTIVE = new Set('Reshape Flatten Transpose Squeeze Unsqueeze DepthToSpace SpaceToDepth'.split(' '))
/** 1-Lipschitz over any number of elements. */
const OVER_ALL = new Set('GlobalMaxPool ReduceMax ReduceMin ReduceL2 ReduceLogSumExp'.split(' '))

const refused = (because: string): LipschitzRule => ({ kind: 'unbounded', because })
const NO_BOUND = refused('it has no bound that holds for every height and width: fix the size with --input-shape')

export function everySize(here: Program, there: Program): EverySize {
  const twin = new Map(here.nodes.map((node, k) => [node, there.nodes[k]!]))
  const symbols = openSymbols(here, there, POINTWISE)

  function openAxes(operand: Operand, other: Operand): readonly number[] {
    return operand.dims.flatMap((dim, axis) => (dim !== other.dims[axis] ? [axis] : []))
  }

  /** Pairs of dynamic inputs and of outputs at the two sizes. */
  function sides(node: ProgramNode) {
    const [site, other] = [node.site, twin.get(node)!.site]
    const pairs = (a: readonly (Operand | undefined)[], b: readonly (Operand | undefined)[]) =>
      a.flatMap((operand, k) =>
        operand && b[k] && !operand.constant ? [{ operand, other: b[k], open: openAxes(operand, b[k]) }] : [],
      )
    return { inputs: pairs(site.inputs, other.inputs), outputs: pairs(site.outputs, other.outputs), site, other }
  }

  /** Weights and factors are the same at both sizes; sizes and positions (integers) may differ. */
  function sameConstants(site: Site, other: Site): boolean {
    return site.inputs.every((input, k) => {
      const [a, b] = [input?.constant, other.inputs[k]?.constant]
      if (!a || !b || !(isFloat(a.type) || POINTWISE.has(site.node.op))) return Boolean(a) === Boolean(b)
      return a.dims.join() === b.dims.join() && a.data.every((value, i) => value === b.data[i])
    })
  }

  function sameIntegers(site: Site, other: Site): boolean {
    return site.inputs.every((input, k) => {
      const [a, b] = [input?.constant, other.inputs[k]?.constant]
      return !a || !b || isFloat(a.type) || a.data.join() === b.data.join()
    })
  }

  /** Open sizes come out as they went in, in their order, and what lies at one position stays there. */
  function keepsPositions(node: ProgramNode): boolean {
    const { inputs, outputs, site } = sides(node)
    const [first] = inputs
    const { op } = site.node
    const acted = first ? actedOn(site, first.operand.dims.length) : -1
    // An axis that cannot be told may be any.
    if (!first || Number.isNaN(acted) || first.open.includes(acted)) return false
    if (op === 'Transpose') {
      const perm = site.ints('perm', first.operand.dims.map((_, axis) => axis).reverse())
      const open = perm.filter((axis) => first.open.includes(axis))
      return open.every((axis, k) => k === 0 || axis > open[k - 1]!)
    }
    const shape = ({ operand, other, open }: (typeof inputs)[number]): string => {
      // The sizes of a Reshape are computed: equal at two sizes is not equal.
      const named = RESHAPES.has(op) ? symbols.of(operand.name) : []
      const sizes = open.map((axis) => named[axis] ?? `${operand.dims[axis]}:${other.dims[axis]}`)
      // Row-major data stays in its place where the products of the closed sizes between the open ones are the same.
      const ends = [...open, operand.dims.length]
      const closed = ends.map((end, k) =>
        operand.dims.slice((open[k - 1] ?? -1) + 1, end).reduce((n, dim) => n * dim, 1),
      )
      return [...sizes, ...(RESHAPES.has(op) ? closed : [])].join()
    }
    return [...inputs, ...outputs.filter(({ operand }) => operand.name !== '')].every(
      (side) => shape(side) === shape(first),
    )
  }

  /** No operand is repeated along an open axis. */
  function broadcastsClosedOnly(node: ProgramNode): boolean {
    const { inputs, outputs } = sides(node)
    const [out] = outputs
    return inputs.every(({ operand }) =>
      out!.open.every(
        (axis) => operand.dims[axis - out!.operand.dims.length + operand.dims.length] === out!.operand.dims[axis],
      ),
    )
  }

  function isOpen(node: ProgramNode): boolean {
    const { inputs, outputs } = sides(node)
    return [...inputs, ...outputs].some(({ open }) => open.length > 0)
  }

  function steady(node: ProgramNode): boolean {
    const { site, other } = sides(node)
    return sameConstants(site, other) && symbols.trouble(node) === undefined
  }

  function atEveryPosition(node: ProgramNode): boolean {
    const { op } = node.site.node
    if (POINTWISE.has(op)) return broadcastsClosedOnly(node)
    const { site, other } = sides(node)
    // Shapes are compared as shapes; any other position or count is to be the same at both sizes.
    return CHANNELWISE.has(op) && keepsPositions(node) && (SHAPED.has(op) || sameIntegers(site, other))
  }

  return {
    steady,
    rule(node, own) {
      const { site, other, inputs } = sides(node)
      if (site.node.name !== other.node.name || site.node.op !== other.node.op || !sameConstants(site, other))
        return refused('what it computes with depends on the size of the input')
      const trouble = symbols.trouble(node)
      if (trouble !== undefined && own.kind !== 'unbounded') return refused(trouble)
      if (!isOpen(node) || own.kind === 'unbounded' || atEveryPosition(node)) return own
      const constant = (value: number, because: string): LipschitzRule => ({
        kind: 'constant',
        value,
        because: `${because}, for every height and width`,
        ...(own.outputs && { outputs: own.outputs }),
      })
      const { op } = site.node
      if (BIJECTIVE.has(op)) return constant(1, 'every element has one place')
      if (op === 'Slice') return constant(1, 'no element is taken twice')
      if (op === 'Pad')
        return site.string('mode', 'constant') === 'constant' ? constant(1, 'every element is copied once') : NO_BOUND
      if (op === 'Conv' || op === 'ConvTranspose') return own
      if (OVER_ALL.has(op) && own.kind !== 'combine')
        return constant(1, 'a maximum or a norm is 1-Lipschitz over any number of elements')
      if (op === 'GlobalAveragePool' || op === 'ReduceMean')
        return constant(meanNorm(node.site, inputs[0]!.open), 'the mean of n elements has norm 1 / sqrt(n)')
      if (op === 'MaxPool' || (op === 'LpPool' && site.int('p', 2) === 2)) return windows(site, constant)
      if (op === 'GlobalLpPool' && site.int('p', 2) === 2) return constant(1, 'the Euclidean norm of all elements')
      if (op === 'AveragePool')
        return isPlain(site) && own.kind === 'affine' && own.structure.kind === 'convolution' ? own : NO_BOUND
      if ((op === 'Resize' || op === 'Upsample') && repeatsWhole(site)) return own
      return NO_BOUND
    },
    fuses(node) {
      const { site } = sides(node)
      if (!steady(node)) return false
      if (!isOpen(node) || atEveryPosition(node)) return true
      const disjoint = ['MaxPool', 'AveragePool', 'LpPool'].includes(site.node.op) && isPlain(site)
      return disjoint && site.ints('kernel_shape').join() === strides(site).join()
    },
  }
}

/** The axis that elements are exchanged along, where it is one; -1 where there is none. */
function actedOn(site: Site, rank: number): number {
  const { op } = site.node
  const at = (axis: number): number => (axis < 0 ? axis + rank : axis)
  if (op === 'Slice') {
    // Several axes: none of them may be open, and the first that is answers for all.
    const axes = site.constant(3)?.data ?? site.ints('axes', [])
    const starts = site.constant(1)?.data.length ?? site.ints('starts', []).length
    return axes.length === 1 ? at(axes[0]!) : axes.length === 0 && starts === 1 ? 0 : Number.NaN
  }
  if (op === 'Softmax' || op === 'LogSoftmax') {
    // Before opset 13 all axes from this one on are one group.
    const axis = at(site.int('axis', site.opset >= 13 ? -1 : 1))
    return site.opset >= 13 || axis === rank - 1 ? axis : Number.NaN
  }
  if (op === 'TopK') return at(site.int('axis', -1))
  if (op === 'Concat' || op === 'Split' || op === 'Gather') return at(site.int('axis', 0))
  return -1
}

const strides = (site: Site): readonly number[] =>
  site.ints(
    'strides',
    site.ints('kernel_shape').map(() => 1),
  )

/** Windows that lie inside the map, all alike. */
function isPlain(site: Site): boolean {
  const zero = (name: string, value: number): boolean => site.ints(name, []).every((x) => x === value)
  const padsCount = site.node.op === 'AveragePool' && site.int('count_include_pad', 0) === 1
  return (
    site.int('ceil_mode', 0) === 0 &&
    ['NOTSET', 'VALID'].includes(site.string('auto_pad', 'NOTSET')) &&
    zero('dilations', 1) &&
    (padsCount || zero('pads', 0))
  )
}

/** The root of how many windows an element can lie in. */
function windows(site: Site, constant: (value: number, because: string) => LipschitzRule): LipschitzRule {
  const kernel = site.ints('kernel_shape')
  const dilations = site.ints(
    'dilations',
    kernel.map(() => 1),
  )
  const count = kernel.reduce((n, k, axis) => {
    const span = (k - 1) * dilations[axis]! + 1
    return n * Math.min(k, Math.ceil(span / strides(site)[axis]!))
  }, 1)
  const root = Math.sqrt(count)
  return constant(Number.isInteger(root) ? root : roundUpBy(root, 1), 'an element lies in so many windows at most')
}

/** 1 / sqrt(n) for the closed axes that are averaged over; along open ones there may be one position. */
function meanNorm(site: Site, open: readonly number[]): number {
  const { dims } = site.input(0)
  const out = site.outputs[0]!.dims
  const total = (shape: Shape): number => shape.reduce((n, dim) => n * dim, 1)
  const openSizes = open.reduce((n, axis) => n * dims[axis]!, 1)
  const closed = total(dims) / total(out) / openSizes
  // Where an open axis is kept, the quotient is no whole number: then nothing is gained.
  return Number.isInteger(closed) && closed > 1 ? roundUpBy(1 / Math.sqrt(closed), 2) : 1
}

/** Nearest neighbours, each element repeated a whole number of times. */
function repeatsWhole(site: Site): boolean {
  if (site.string('mode', 'nearest') !== 'nearest') return false
  const scales = site.has('scales')
    ? site.floats('scales')
    : (site.constant(site.node.op === 'Upsample' || site.opset < 11 ? 1 : 2)?.data ?? [])
  const mode = site.string('coordinate_transformation_mode', 'half_pixel')
  const known = mode === 'half_pixel' || mode === 'asymmetric'
  return known && scales.length > 0 && Array.from(scales).every((scale) => Number.isInteger(scale) && scale >= 1)
}
