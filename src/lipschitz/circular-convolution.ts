/**
 * Convolutions whose input is padded periodically, in whatever spelling (Pad of mode wrap; Slice and Concat, as PyTorch writes it).
 * The two together are block circulant, and their norm is known exactly, where Pad alone repeats elements and costs a factor
 * of up to 2.
 * @module
 */
import { evaluate } from '../graph/evaluate.ts'
import type { Program, ProgramNode } from '../graph/program.ts'
import type { NdArray, Shape } from '../onnx/ir.ts'
import type { ConvolutionStructure } from '../ops/operator.ts'
import type { Network } from './network.ts'
import { encloseCircular } from './norms/index.ts'
import type { Segment } from './segments.ts'
import { between } from './trailing.ts'

/** The padding and the convolution that end at a tensor as one operator, or nothing. */
export function circularConvolution(network: Network, name: string): Segment | undefined {
  const node = network.producers.get(name)?.node
  const structure = node && network.linear.get(node)?.structure
  // A grid of frequencies belongs to one size.
  if (network.everySize) return undefined
  if (!node || structure?.kind !== 'convolution' || structure.transposed) return undefined
  // Zeros of its own, around the periodic signal, make it another operator.
  if ([...structure.padsBegin, ...structure.padsEnd].some((pad) => pad !== 0)) return undefined
  const input = node.site.inputs.find((operand) => operand && !operand.constant)
  const padded = input && network.producers.get(input.name)?.node
  if (!input || !padded || network.rule(padded).kind === 'affine' || !isMovement(network, padded)) return undefined
  for (const base of sources(network, padded, input.dims)) {
    const before = network.program.values.get(base)!.dims
    const pads = periodicPads(between(network.program, base, input.name), base, input.name, before, input.dims)
    if (!pads) continue
    const enclosure = encloseCircular(unpadded(structure, before, pads))
    if (!enclosure) continue
    return {
      base,
      nodes: between(network.program, base, name).nodes,
      enclosure,
      because:
        'periodic padding and convolution: block circulant, so its norm is the largest over the frequencies of the grid',
    }
  }
  return undefined
}

function unpadded(structure: ConvolutionStructure, before: Shape, pads: Pads): ConvolutionStructure {
  return {
    ...structure,
    spatial: before.slice(2),
    padsBegin: pads.begin,
    padsEnd: pads.end,
  }
}

/** Copies elements, or joins copies. */
function isMovement(network: Network, node: ProgramNode): boolean {
  const rule = network.rule(node)
  return rule.kind === 'move' || (node.site.node.op === 'Concat' && rule.kind === 'combine')
}

/** Tensors that movements alone lead from to here, with the same channels on a smaller map; the nearest first. */
function sources(network: Network, from: ProgramNode, dims: Shape): string[] {
  const found = new Set<string>()
  const pending = [from]
  const seen = new Set(pending)
  for (const node of pending) {
    for (const input of node.site.inputs) {
      if (!input || input.constant) continue
      const { dims: before } = input
      const fits = before.length === dims.length && before[0] === dims[0] && before[1] === dims[1]
      if (fits && before.every((size, axis) => size <= dims[axis]!) && before.join() !== dims.join())
        found.add(input.name)
      const producer = network.producers.get(input.name)?.node
      if (producer && !seen.has(producer) && isMovement(network, producer) && seen.size < 64) {
        seen.add(producer)
        pending.push(producer)
      }
    }
  }
  return [...found]
}

interface Pads {
  readonly begin: readonly number[]
  readonly end: readonly number[]
}

/** The periodic padding that the program is, read off the positions of its elements; undefined when it is something else. */
function periodicPads(program: Program, base: string, name: string, before: Shape, after: Shape): Pads | undefined {
  const made = new Set([base, ...program.nodes.flatMap(({ site }) => site.outputs.map((output) => output.name))])
  const closed = program.nodes.every(({ site }) =>
    site.inputs.every((input) => !input || input.constant || made.has(input.name)),
  )
  if (!closed || before.length < 3) return undefined
  const size = before.reduce((n, dim) => n * dim, 1)
  // Twice, shifted: what did not move is a constant.
  const [first, second] = [0, size].map((shift) => positions(program, base, name, before, shift)) as [
    Float64Array,
    Float64Array,
  ]
  if (first.some((value, k) => second[k]! - value !== size)) return undefined
  const spatial = before.slice(2)
  const corner = first[0]!
  const begin = spatial.map((n, axis) => {
    const stride = spatial.slice(axis + 1).reduce((a, b) => a * b, 1)
    return (n - (Math.floor(corner / stride) % n)) % n
  })
  const area = spatial.reduce((a, b) => a * b, 1)
  const counter = new Array<number>(after.length).fill(0)
  for (const value of first) {
    let at = 0
    for (const [axis, n] of spatial.entries()) {
      const shifted = (((counter[axis + 2]! - begin[axis]!) % n) + n) % n
      at = at * n + shifted
    }
    if (value !== (counter[0]! * before[1]! + counter[1]!) * area + at) return undefined
    for (let axis = after.length - 1; axis >= 0 && ++counter[axis]! === after[axis]; axis--) counter[axis] = 0
  }
  return { begin, end: spatial.map((n, axis) => after[axis + 2]! - n - begin[axis]!) }
}

function positions(program: Program, base: string, name: string, dims: Shape, shift: number): Float64Array {
  const data = Float64Array.from({ length: dims.reduce((n, dim) => n * dim, 1) }, (_, k) => k + shift)
  // float64, so that a cast has nothing to round.
  const feed: NdArray = { type: 'float64', dims, data }
  return evaluate(program, new Map([[base, feed]]), [name]).get(name)!.data
}
