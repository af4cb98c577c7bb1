/**
 * Affine segments: maximal linear sub-graphs from one tensor to one tensor, bounded as one operator. Neighbours are merged
 * where the merged operator has a structure (a convolution and what scales its channels, pads its input or adds its input
 * to its output; a convolution after a convolution that reads no padding; matrices); small segments are written out as a
 * dense matrix. Whatever cannot be merged keeps the product of its parts, which the caller has anyway.
 * @module
 */
import type { ProgramNode } from '../graph/program.ts'
import type { Enclosure } from '../linalg/enclosure.ts'
import type { ConvolutionStructure, LinearStructure, MatrixStructure } from '../ops/operator.ts'
import { timesUp } from '../ops/sum-up.ts'
import type { Constants } from './constants.ts'
import { denseSegment } from './dense-segment.ts'
import type { Network } from './network.ts'
import {
  addIdentity,
  composeConvolutions,
  composeMatrices,
  encloseStructure,
  outputSize,
  scaleOutputChannels,
} from './norms/index.ts'
import { affineBases, between } from './trailing.ts'
import { channelScale, uniformMap } from './uniform-map.ts'

export interface Segment {
  readonly base: string
  readonly nodes: readonly ProgramNode[]
  readonly enclosure: Enclosure
  /** Why, where it is not because the segment is one linear operator. */
  readonly because?: string
  /** What executing the nodes adds, where their own rules lose it: inputUlps u |x_i| for every element, with |x_i|^power inside. */
  readonly rounding?: { readonly inputUlps: number; readonly power: number }
}

export interface Segments {
  /** The segment that ends at a tensor, where bounding it as one operator says more than its nodes do. */
  at(name: string): Segment | undefined
  /** Upper bound of the tensor's constant through its segment; Infinity without one. */
  bound(name: string, constants: Constants): number
}

/** A merged operator from the segment's base to one of its tensors. */
type Merged =
  | { readonly kind: 'scaled'; readonly factor: number }
  | {
      readonly kind: 'padded'
      readonly begin: readonly number[]
      readonly end: readonly number[]
      /** Shape with its zeros: a Reshape after it moves them elsewhere. */
      readonly dims: readonly number[]
    }
  | { readonly kind: 'convolution'; readonly structure: ConvolutionStructure }
  | { readonly kind: 'matrix'; readonly structure: MatrixStructure }

const IDENTITY: Merged = { kind: 'scaled', factor: 1 }

export function createSegments(network: Network): Segments {
  const bases = affineBases(network)
  const merged = new Map<string, Merged | undefined>()
  const found = new Map<string, Segment | undefined>()
  const ends = segmentEnds(network, bases)

  function mergedAt(name: string): Merged | undefined {
    if (merged.has(name)) return merged.get(name)
    const producer = network.producers.get(name)
    const value = bases.get(name) === name || !producer ? IDENTITY : append(network, producer.node, mergedAt)
    merged.set(name, value)
    return value
  }

  function at(name: string): Segment | undefined {
    if (found.has(name)) return found.get(name)
    found.set(name, ends.has(name) ? open(name) : undefined)
    return found.get(name)
  }

  function open(name: string): Segment | undefined {
    const base = bases.get(name)!
    const segment = between(network.program, base, name)
    // One operator with a norm of its own, and nothing else that acts: its own rule says it all.
    const acting = segment.nodes.filter((node) => acts(network, node))
    if (acting.length < 2) return undefined
    const whole = mergedAt(name)
    const structure = whole && (whole.kind === 'convolution' || whole.kind === 'matrix') ? whole.structure : undefined
    const candidates = [
      structure ? encloseStructure(structure) : undefined,
      structure ? undefined : denseSegment(network, segment, base, name),
    ]
    const best = candidates.filter((enclosure) => enclosure !== undefined).sort((a, b) => a.upper - b.upper)[0]
    return best && { base, nodes: segment.nodes, enclosure: best }
  }

  return {
    at,
    bound(name, constants) {
      const segment = at(name)
      return segment ? timesUp(segment.enclosure.upper, constants.of(segment.base)) : Number.POSITIVE_INFINITY
    },
  }
}

/** Tensors of a segment that something outside it reads, or nothing. */
function segmentEnds(network: Network, bases: ReadonlyMap<string, string>): Set<string> {
  const inner = new Set<string>()
  const read = new Set<string>()
  for (const { site } of network.program.nodes)
    for (const input of site.inputs) {
      if (!input || input.constant) continue
      const base = bases.get(input.name)
      if (site.outputs.some((output) => output.name !== '' && bases.get(output.name) !== base)) read.add(input.name)
      else inner.add(input.name)
    }
  const outputs = new Set(network.program.outputs.map((output) => output.name))
  const all = [...bases].filter(([name, base]) => name !== base).map(([name]) => name)
  return new Set(all.filter((name) => read.has(name) || outputs.has(name) || !inner.has(name)))
}

/** A node that is more than a relabelling: linear with a structure of its own, or joining branches. */
function acts(network: Network, node: ProgramNode): boolean {
  const rule = network.rule(node)
  if (rule.kind === 'combine') return true
  if (rule.kind !== 'affine') return false
  const { structure } = rule
  // One factor for all elements: the product of the norms is exact.
  if (structure.kind === 'diagonal') return structure.scale.data.some((value) => value !== structure.scale.data[0])
  return structure.kind !== 'closed-form' || structure.norm !== 1
}

function append(
  network: Network,
  node: ProgramNode,
  mergedAt: (name: string) => Merged | undefined,
): Merged | undefined {
  const { site } = node
  const inputs = site.inputs.flatMap((input, k) =>
    input && !input.constant ? [{ name: input.name, dims: input.dims, k }] : [],
  )
  const before = inputs.map(({ name }) => mergedAt(name))
  if (before.includes(undefined)) return undefined
  const [first] = before as [Merged, ...Merged[]]
  const rule = network.rule(node)
  const structure: LinearStructure | undefined = rule.kind === 'affine' ? rule.structure : undefined
  if (structure?.kind === 'convolution') return afterMerged(first, structure, inputs[0]!.dims)
  if (structure?.kind === 'matrix') {
    // A matrix may act on every vector along any axis; only where there is one vector is the axis beyond doubt.
    if (
      sizeOf(inputs[0]!.dims) !== structure.matrix.dims[1] ||
      sizeOf(site.outputs[0]!.dims) !== structure.matrix.dims[0]
    )
      return undefined
    if (first.kind === 'matrix') return wrap(composeMatrices(first.structure, structure))
    return first.kind === 'scaled' && first.factor === 1 ? { kind: 'matrix', structure } : undefined
  }
  const uniform = uniformMap(node)
  if (uniform?.kind === 'scaled-sum')
    return sumOf(inputs.map(({ k }, i) => [before[i]!, uniform.factors.get(k)!] as const))
  if (uniform?.kind === 'zero-pad')
    return first === IDENTITY ? { ...uniform, kind: 'padded', dims: site.outputs[0]!.dims } : undefined
  if (structure?.kind === 'diagonal' && first.kind === 'convolution') {
    const { dims } = site.outputs[0]!
    // Several samples of the convolution, reshaped into one, have their channels elsewhere.
    const oneSample = structure.scale.data.length === 1 || sizeOf(dims) === outputSize(first.structure)
    const scale = oneSample ? channelScale(structure.scale, dims) : undefined
    return scale && wrap(scaleOutputChannels(first.structure, scale))
  }
  return undefined
}

function afterMerged(first: Merged, second: ConvolutionStructure, dims: readonly number[]): Merged | undefined {
  switch (first.kind) {
    case 'convolution':
      return wrap(composeConvolutions(first.structure, second))
    case 'scaled':
      return scaledBy({ kind: 'convolution', structure: second }, first.factor)
    case 'padded': {
      // Padding with zeros is what a convolution does itself, up to where it starts to read.
      if (second.transposed || dims.join() !== first.dims.join()) return undefined
      const { begin, end } = first
      return {
        kind: 'convolution',
        structure: {
          ...second,
          spatial: second.spatial.map((size, axis) => size - begin[axis]! - end[axis]!),
          padsBegin: second.padsBegin.map((pad, axis) => pad + begin[axis]!),
          padsEnd: second.padsEnd.map((pad, axis) => pad + end[axis]!),
        },
      }
    }
    case 'matrix':
      return undefined
  }
}

function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1)
}

/** c_1 A_1 + c_2 A_2 + ...: multiples of the identity, and at most one convolution. */
function sumOf(terms: readonly (readonly [Merged, number])[]): Merged | undefined {
  let identity = 0
  let other: Merged | undefined
  for (const [term, factor] of terms) {
    if (term.kind === 'scaled') {
      const product = term.factor * factor
      const total = identity + product
      // Sums and products that float64 cannot hold are not followed.
      if (!isExactProduct(term.factor, factor) || total - product !== identity || total - identity !== product)
        return undefined
      identity = total
    } else if (other === undefined) other = scaledBy(term, factor)
    else return undefined
    if (term.kind !== 'scaled' && other === undefined) return undefined
  }
  if (other === undefined) return { kind: 'scaled', factor: identity }
  if (identity === 0) return other
  return other.kind === 'convolution' ? wrap(addIdentity(other.structure, identity)) : undefined
}

function scaledBy(merged: Merged, factor: number): Merged | undefined {
  if (factor === 1) return merged
  if (merged.kind === 'scaled')
    return isExactProduct(merged.factor, factor) ? { kind: 'scaled', factor: merged.factor * factor } : undefined
  if (merged.kind !== 'convolution') return undefined
  return wrap(scaleOutputChannels(merged.structure, { type: 'float64', dims: [1], data: Float64Array.of(factor) }))
}

const isExactProduct = (a: number, b: number): boolean =>
  a === 0 || b === 0 || (Math.fround(a) === a && Math.fround(b) === b && Math.abs(a * b) > 2 ** -200)

function wrap(structure: ConvolutionStructure | MatrixStructure | undefined): Merged | undefined {
  if (!structure) return undefined
  return structure.kind === 'convolution' ? { kind: 'convolution', structure } : { kind: 'matrix', structure }
}
