/**
 * What a node does when it does next to nothing: the identity up to shape, one factor for all elements, one factor a
 * channel, zeros around a map, a sum of two such. Read off the expressions of the node over its own inputs, so that
 * Reshape, Flatten, Identity, Add of a constant, Mul, BatchNormalization-like scales and Pad need no names.
 * @module
 */
import { linearForm } from '../graph/fusion/linear-form.ts'
import type { ProgramNode } from '../graph/program.ts'
import type { NdArray, Shape } from '../onnx/ir.ts'
import { OPAQUE } from '../ops/symbolic.ts'
import { locally } from './node-rule.ts'

export type UniformMap =
  /** y = sum over inputs k of factors[k] x_k, element by element in row-major order. */
  | { readonly kind: 'scaled-sum'; readonly factors: ReadonlyMap<number, number> }
  /** y = x with zeros around it, per spatial axis. */
  | { readonly kind: 'zero-pad'; readonly begin: readonly number[]; readonly end: readonly number[] }

const known = new WeakMap<ProgramNode, { readonly map: UniformMap | undefined }>()

/** undefined when the node is none of these, exactly. */
export function uniformMap(node: ProgramNode): UniformMap | undefined {
  let found = known.get(node)
  if (!found) known.set(node, (found = { map: readOff(node) }))
  return found.map
}

function readOff(node: ProgramNode): UniformMap | undefined {
  // Of several outputs (Split) each is a map of its own.
  if (node.site.outputs.length !== 1) return undefined
  // A factor that the file computes is known up to its error only, whatever number float64 makes of it.
  const rule = node.operator.lipschitz(node.site)
  if (rule.kind === 'affine' && rule.structure.kind === 'diagonal' && rule.structure.scale.relativeError)
    return undefined
  const { pool, ids } = locally(node, 0)
  if (!ids || ids.includes(OPAQUE)) return undefined
  const sizes = new Map(
    node.site.inputs.flatMap((input, k) => (input && !input.constant ? [[k, sizeOf(input.dims)] as const] : [])),
  )
  const factors = new Map<number, number>()
  if ([...sizes.values()].every((size) => size === ids.length)) {
    const uniform = ids.every((id, i) => {
      const { terms } = linearForm(pool.store, id)
      if (terms.length !== sizes.size) return false
      return terms.every(({ id: leaf, value, slack }) => {
        if (pool.store.kind(leaf) !== 'leaf' || pool.store.value(leaf) !== i || slack !== 0) return false
        const input = pool.store.label(leaf)
        const before = factors.get(input)
        factors.set(input, value)
        return before === undefined || before === value
      })
    })
    if (uniform && ids.length > 0) return { kind: 'scaled-sum', factors }
  }
  return zeroPad(node, pool.store, ids)
}

function zeroPad(
  { site }: ProgramNode,
  store: Parameters<typeof linearForm>[0],
  ids: Float64Array,
): UniformMap | undefined {
  const [input, ...others] = site.inputs.filter((operand) => operand && !operand.constant)
  const from = input!.dims
  const to = site.outputs[0]!.dims
  if (others.length > 0 || from.length < 3 || from.length !== to.length || from[0] !== to[0] || from[1] !== to[1])
    return undefined
  // A crop is no negative padding: a convolution behind it sees zeros where the cropped elements were.
  if (to.some((size, axis) => size < from[axis]!)) return undefined
  const first = ids.findIndex((id) => store.kind(id) === 'leaf')
  if (first < 0 || store.value(ids[first]!) !== 0) return undefined
  const begin = coordinates(first, to)
  if (begin[0] !== 0 || begin[1] !== 0) return undefined
  if (to.some((size, axis) => begin[axis]! + from[axis]! > size)) return undefined
  const inside = (at: readonly number[]): boolean =>
    at.every((x, axis) => x >= begin[axis]! && x < begin[axis]! + from[axis]!)
  for (let i = 0; i < ids.length; i++) {
    const at = coordinates(i, to)
    const id = ids[i]!
    if (inside(at)) {
      const source = at.reduce((index, x, axis) => index * from[axis]! + x - begin[axis]!, 0)
      if (store.kind(id) !== 'leaf' || store.value(id) !== source) return undefined
    } else if (store.kind(id) !== 'constant' || store.value(id) !== 0 || store.slack(id) !== 0) return undefined
  }
  const spatial = begin.slice(2)
  return { kind: 'zero-pad', begin: spatial, end: spatial.map((x, axis) => to[axis + 2]! - from[axis + 2]! - x) }
}

/** One factor, or one a channel (axis 1), of a constant that broadcasts to `dims`; undefined when it varies otherwise. */
export function channelScale(scale: NdArray, dims: Shape): NdArray | undefined {
  if (scale.data.length === 1) return { ...scale, dims: [1] }
  const lead = dims.length - scale.dims.length
  const varies = scale.dims.flatMap((dim, axis) => (dim === 1 ? [] : [axis + lead]))
  // With one sample, elements of a channel are neighbours whatever shape the channel has.
  return dims[0] === 1 && varies.length === 1 && varies[0] === 1 && scale.data.length === dims[1]
    ? { ...scale, dims: [dims[1]!] }
    : undefined
}

function coordinates(index: number, dims: Shape): number[] {
  const result = new Array<number>(dims.length)
  for (let axis = dims.length - 1, rest = index; axis >= 0; axis--) {
    result[axis] = rest % dims[axis]!
    rest = Math.floor(rest / dims[axis]!)
  }
  return result
}

function sizeOf(dims: Shape): number {
  return dims.reduce((product, dim) => product * dim, 1)
}
