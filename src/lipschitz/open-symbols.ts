/**
 * Which sizes are open for every size, and not only at the two that stand for all. Two programs laid beside each other show that
 * a size differs; that it does not, or that a number is the same in both, may be chance: H mod 8 is 0 at 8 and at 16, a crop to
 * 4 by 4 has the same size in both. So open sizes are followed as symbols: from the inputs through the nodes, and through
 * Shape into what the file computes from them. A closed size is then closed whatever the sizes are, and equal symbols are
 * equal sizes.
 * @module
 */
import type { Program, ProgramNode } from '../graph/program.ts'
import { isFloat } from '../onnx/element-types.ts'
import type { NdArray, Shape } from '../onnx/ir.ts'
import { roomOf } from '../ops/index.ts'
import type { Operand, Site } from '../ops/operator.ts'

/** An open size by name; undefined where a size, or a number, is the same for all. */
type OpenSize = string | undefined

/** Computed from open sizes: may be anything. */
const COMPUTED = '*'

export interface OpenSymbols {
  /** The open sizes of a tensor, one an axis. */
  of(name: string): readonly OpenSize[]
  /** What makes nothing sure about the node for every size; undefined where its closed sizes and its constants are the same for all. */
  trouble(node: ProgramNode): string | undefined
}

/** Elements of input 0 as they are, in other places. */
const MOVES = new Set('Gather Slice Squeeze Unsqueeze Reshape Identity Cast Flatten Transpose'.split(' '))
/** Axis k of the output is axis k of the input, longer or shorter. */
const ALONG_AXES = new Set(
  'Conv ConvTranspose MaxPool LpPool AveragePool Slice Pad Resize Upsample DepthToSpace SpaceToDepth'.split(' '),
)
/** As many places as a window has on the axis. */
const WINDOWS = new Set('Conv MaxPool LpPool AveragePool'.split(' '))

const SIZED = 'what it computes with depends on the size of the input'
const CHANCE = 'an open size ends as one that two examples cannot tell from a fixed one'

/** @param pointwise operators that act element by element, with broadcasting */
export function openSymbols(here: Program, there: Program, pointwise: ReadonlySet<string>): OpenSymbols {
  const symbols = new Map<string, readonly OpenSize[]>()
  const troubles = new Map<ProgramNode, string>()
  const traced = new Map<string, readonly OpenSize[] | undefined>()

  const isOpen = (name: string, axis: number): boolean => {
    const [one, other] = [here.values.get(name)!.dims, there.values.get(name)?.dims]
    return one.length !== other?.length || one[axis] !== other[axis]
  }
  const of = (name: string): readonly OpenSize[] => symbols.get(name) ?? []

  /** Elements of a constant that are, or come from, open sizes; undefined where none does. */
  function trace(name: string): readonly OpenSize[] | undefined {
    if (traced.has(name)) return traced.get(name)
    const site = here.folded.get(name)
    const found = site && traceOf(site, name)
    const some = found?.some((size) => size !== undefined) ? found : undefined
    traced.set(name, some)
    return some
  }

  function traceOf(site: Site, name: string): readonly OpenSize[] | undefined {
    const { op } = site.node
    const size = here.values.get(name)!.constant!.data.length
    const first = site.inputs[0]
    if (op === 'Shape' && first && !first.constant) return part(site, of(first.name))
    const inputs = site.inputs.map((input) => {
      if (!input) return undefined
      return input.constant ? trace(input.name) : of(input.name)
    })
    if (!inputs.some((input) => input?.some((open) => open !== undefined))) return undefined
    const all = new Array<OpenSize>(size).fill(COMPUTED)
    if (op === 'Concat' && site.inputs.every((input) => input!.dims.length === 1)) return joined(site, inputs)
    const others = inputs.some((input, k) => k > 0 && input !== undefined)
    if (!MOVES.has(op) || others || here.values.get(name)!.type === 'bool') return all
    return moved(site, inputs[0]!) ?? all
  }

  /** Movement is run on the numbers of the symbols. */
  function moved(site: Site, sizes: readonly OpenSize[]): readonly OpenSize[] | undefined {
    const operator = operators.get(site.node.op)
    const first = site.inputs[0]!
    const names = [undefined, ...new Set(sizes)]
    const data = Float64Array.from(sizes, (size) => names.indexOf(size))
    const arrays = site.inputs.map((input, k): NdArray | undefined =>
      k === 0 ? { type: first.type, dims: first.dims, data } : input?.constant,
    )
    const result = operator?.(site, arrays)
    return result && Array.from(result.data, (code) => names[code])
  }

  function joined(site: Site, inputs: readonly (readonly OpenSize[] | undefined)[]): readonly OpenSize[] {
    return site.inputs.flatMap((input, k) => inputs[k] ?? new Array<OpenSize>(input!.dims[0]!).fill(undefined))
  }

  /** The open sizes of one output of a node. */
  function outputOf({ site }: ProgramNode, { name, dims }: Operand): readonly OpenSize[] {
    const fresh = dims.map((_, axis) => (isOpen(name, axis) ? `${name} ${axis}` : undefined))
    const inputs = site.inputs.filter((input): input is Operand => input !== undefined && !input.constant)
    const { op } = site.node
    const [first] = inputs
    if (!first) return fresh
    const before = of(first.name)
    if (pointwise.has(op)) return fresh.map((own, axis) => own && (aligned(inputs, dims, axis)[0] ?? own))
    if (op === 'Transpose') {
      const perm = site.ints('perm', first.dims.map((_, axis) => axis).reverse())
      return fresh.map((own, axis) => own && before[perm[axis]!])
    }
    if (op === 'Reshape') {
      const target = trace(site.inputs[1]!.name)
      const data = site.constant(1)!.data
      const copies = site.int('allowzero', 0) === 0
      return fresh.map((own, axis) => {
        if (own === undefined) return undefined
        if (data[axis] === 0 && copies && target?.[axis] === undefined) return before[axis] ?? own
        const entry = target?.[axis]
        return entry === undefined || entry === COMPUTED ? own : entry
      })
    }
    if (ALONG_AXES.has(op)) {
      const size = before.map((open, axis) => open && WINDOWS.has(op) && places(site, axis, open))
      return fresh.map((own, axis) => own && (size[axis] || own))
    }
    // Reductions, Concat, Gather, products along closed axes: the open axes stay as they are, in their order.
    const list = (program: Program, tensor: string, sizes: readonly OpenSize[]): string =>
      program.values
        .get(tensor)!
        .dims.filter((_, axis) => sizes[axis] !== undefined)
        .join()
    const opens = before.filter((size) => size !== undefined)
    if ([here, there].some((program) => list(program, name, fresh) !== list(program, first.name, before))) return fresh
    let next = 0
    return fresh.map((own) => own && opens[next++])
  }

  /** The symbols that meet at one axis of an output by broadcasting. */
  function aligned(inputs: readonly Operand[], dims: Shape, axis: number): readonly string[] {
    return inputs.flatMap((input) => of(input.name)[axis - dims.length + input.dims.length] ?? [])
  }

  function troubleAt(node: ProgramNode): string | undefined {
    const { site } = node
    const { op } = site.node
    const constants = site.inputs.flatMap((input, k) =>
      input?.constant ? [{ input, k, sizes: trace(input.name) }] : [],
    )
    for (const { input, k, sizes } of constants) {
      if (!sizes) continue
      const asShape = k === 1 && (op === 'Reshape' || op === 'Expand')
      const asPlaces = (op === 'Slice' && (k === 1 || k === 2)) || (op === 'Pad' && k === 1)
      if (isFloat(input.type) || pointwise.has(op) || !(asShape || asPlaces)) return SIZED
    }
    const dynamic = site.inputs.filter((input): input is Operand => input !== undefined && !input.constant)
    const [first] = dynamic
    const out = site.outputs[0]!
    if (!first) return undefined
    if (pointwise.has(op) && out.dims.some((_, axis) => new Set(aligned(dynamic, out.dims, axis)).size > 1))
      return 'its operands may be of different sizes, one of them repeated'
    if (op === 'Squeeze' && site.inputs.length < 2 && !site.has('axes') && of(first.name).some((size) => size))
      return CHANCE
    const before = of(first.name)
    // One element is one, whatever it is cut from.
    const closes = (axis: number): boolean => !isOpen(out.name, axis) && !(op === 'Slice' && out.dims[axis] === 1)
    if (ALONG_AXES.has(op) && before.some((size, axis) => size !== undefined && closes(axis))) return CHANCE
    if (op === 'Flatten' && flattens(site, first, out)) return CHANCE
    if (op === 'Reshape' || op === 'Expand') return reshaping(site, first, out)
    if (op === 'Slice' || op === 'Pad') return placing(site, first, out)
    return undefined
  }

  /** What is closed in the target is a number of the file, or follows from the sizes that are given. */
  function reshaping(site: Site, first: Operand, out: Operand): string | undefined {
    const target = trace(site.inputs[1]!.name)
    const data = site.constant(1)!.data
    const lead = out.dims.length - data.length
    const before = of(first.name)
    const entries = Array.from(data, (value, k) => ({ value, size: target?.[k], axis: k + lead }))
    if (entries.some(({ size, axis }) => size !== undefined && !isOpen(out.name, axis))) return CHANCE
    if (site.node.op === 'Expand') {
      // An open size meets itself or 1: another open size would repeat it where it is 1.
      const repeats = before.some((size, axis) => {
        const entry = entries.find((e) => e.axis === axis + out.dims.length - first.dims.length)
        return size !== undefined && entry !== undefined && entry.size !== size && entry.value !== 1
      })
      return repeats ? CHANCE : undefined
    }
    const copies = site.int('allowzero', 0) === 0
    const inferred = entries.find(({ value, size }) => value === -1 && size === undefined)
    if (!inferred || isOpen(out.name, inferred.axis)) return undefined
    // The number of elements divided by the other sizes: closed where the open ones cancel.
    const given = entries.flatMap(
      ({ value, size, axis }) => size ?? (value === 0 && copies ? (before[axis] ?? []) : []),
    )
    const due = before.filter((size) => size !== undefined)
    return given.toSorted().join('\n') === due.toSorted().join('\n') && !given.includes(COMPUTED) ? undefined : CHANCE
  }

  /** An open size goes into a product that is the same at both. */
  function flattens(site: Site, first: Operand, out: Operand): boolean {
    const rank = first.dims.length
    const axis = site.int('axis', 1)
    const cut = axis < 0 ? axis + rank : axis
    return of(first.name).some((size, at) => size !== undefined && !isOpen(out.name, at < cut ? 0 : 1))
  }

  /** Places along a closed axis are numbers of the file. */
  function placing(site: Site, first: Operand, out: Operand): string | undefined {
    const rank = first.dims.length
    const at = (axis: number): number => (axis < 0 ? axis + rank : axis)
    const axesInput = site.inputs[3]?.constant?.data
    const ordinal = (count: number): readonly number[] =>
      axesInput ? Array.from(axesInput, at) : Array.from({ length: count }, (_, k) => k)
    for (const k of site.node.op === 'Slice' ? [1, 2] : [1]) {
      const input = site.inputs[k]
      const sizes = input?.constant && trace(input.name)
      if (!sizes) continue
      const axes = site.node.op === 'Slice' ? ordinal(sizes.length) : ordinal(sizes.length / 2)
      const closed = sizes.some((size, i) => size !== undefined && !isOpen(out.name, axes[i % axes.length]!))
      if (closed) return CHANCE
    }
    return undefined
  }

  for (const { name, dims } of here.inputs) {
    const declared = here.model.graph.inputs.find((input) => input.name === name)?.dims
    symbols.set(
      name,
      dims.map((_, axis) => {
        if (!isOpen(name, axis)) return undefined
        const symbol = declared?.[axis]
        return typeof symbol === 'string' ? symbol : `${name} ${axis}`
      }),
    )
  }
  const operators = new Map<string, (site: Site, inputs: readonly (NdArray | undefined)[]) => NdArray | undefined>()
  for (const op of MOVES) {
    const room = roomOf(op, '', 18)
    if (room) operators.set(op, (site, inputs) => room.evaluate(site, inputs)[0])
  }
  for (const node of here.nodes) {
    const found = troubleAt(node)
    if (found !== undefined) troubles.set(node, found)
    for (const output of node.site.outputs) if (output.name !== '') symbols.set(output.name, outputOf(node, output))
  }
  return { of, trouble: (node) => troubles.get(node) }
}

/** The part of a list that Shape's attributes ask for. */
function part(site: Site, sizes: readonly OpenSize[]): readonly OpenSize[] {
  const bound = (value: number) => Math.min(Math.max(value < 0 ? value + sizes.length : value, 0), sizes.length)
  return sizes.slice(bound(site.int('start', 0)), bound(site.int('end', sizes.length)))
}

/** floor((size + pads - span) / stride) + 1, by name: equal names are equal sizes. */
function places(site: Site, axis: number, size: string): string | undefined {
  const weights = site.node.op === 'Conv' ? site.inputs[1]?.dims.slice(2) : undefined
  const kernel = site.has('kernel_shape') ? site.ints('kernel_shape') : weights
  const k = axis - 2
  if (!kernel || k < 0 || site.int('ceil_mode', 0) !== 0) return undefined
  const at = (name: string, fallback: number): number => site.ints(name, [])[k] ?? fallback
  const stride = at('strides', 1)
  const span = (kernel[k]! - 1) * at('dilations', 1) + 1
  const mode = site.string('auto_pad', 'NOTSET')
  const pads = site.ints('pads', [])
  const padding = mode === 'NOTSET' ? (pads[k] ?? 0) + (pads[k + kernel.length] ?? 0) : mode === 'VALID' ? 0 : span - 1
  // The same padding to a multiple of the stride: ceil(size / stride).
  const grown = padding - span
  if (stride === 1) return grown === -1 ? size : `(${size} + ${grown + 1})`
  return `(floor((${size} + ${grown}) / ${stride}) + 1)`
}
