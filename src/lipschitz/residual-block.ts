/**
 * Residual blocks y = f x + B s(A x + b) with B = A^T diag(c) + E the adjoint of the map that made the hidden tensor up to
 * factors of its channels, s an order statistic of each element and constants (ReLU, ReLU6).
 *
 * Theorem (Araujo et al. 2023, arXiv:2303.03169, theorem 3, for W = A^T). s(u) - s(v) = D (u - v) for a diagonal D with entries
 * in [0, 1], because s is non-decreasing and 1-Lipschitz in each element. So y - y' = (f I + A^T diag(c) D A + E D A)(x - x'). The
 * first part is symmetric, with a spectrum between f - |diag(c-)^(1/2) A|^2 and f + |diag(c+)^(1/2) A|^2 (c+ and c- the positive and
 * the negative part of c), and the rest is at most |E| |A|. For y = x - 2 A^T s(A x) and |A| <= 1 that is 1, where the triangle
 * inequality says 3.
 * @module
 */
import type { ProgramNode } from '../graph/program.ts'
import type { NdArray } from '../onnx/ir.ts'
import type { LinearStructure, MatrixStructure } from '../ops/operator.ts'
import { sumUp, timesUp } from '../ops/sum-up.ts'
import { adjointPair } from './adjoint-pair.ts'
import type { LinearNode, Network } from './network.ts'
import { locally } from './node-rule.ts'
import { scaleOutputChannels } from './norms/index.ts'
import type { Segment } from './segments.ts'
import { between } from './trailing.ts'
import { channelScale, uniformMap } from './uniform-map.ts'

/** The block that ends at a tensor, or nothing. */
export function residualBlock(network: Network, name: string): Segment | undefined {
  const end = network.producers.get(name)
  if (!end) return undefined
  const operands = dynamicInputs(end.node)
  if (operands.length !== 2 || !operands.some((operand) => mayEndBranch(network, operand))) return undefined
  // Only a sum can be one; expressions of a node are dear.
  const rule = network.rule(end.node)
  if (rule.kind !== 'combine' || !rule.linear) return undefined
  const sum = uniformMap(end.node)
  if (sum?.kind !== 'scaled-sum' || sum.factors.size !== 2) return undefined
  const terms = [...sum.factors].map(([k, factor]) => ({ name: end.node.site.inputs[k]!.name, factor }))
  for (const [skip, branch] of [terms, terms.toReversed()] as [Term, Term][]) {
    const found = branchOf(network, branch, skip.name)
    if (!found) continue
    const upper = boundOf(skip.factor, found)
    return {
      base: skip.name,
      nodes: between(network.program, skip.name, name).nodes,
      enclosure: { lower: 0, upper, method: 'residual-block' },
      because:
        'a residual block with its own adjoint: its Jacobian f I + Aᵀ C D A is symmetric, C diagonal, 0 <= D <= I',
    }
  }
  return undefined
}

interface Term {
  readonly name: string
  readonly factor: number
}

/** A branch A^T diag(c) s(A x + b) + E s(A x + b) by what it does to distances. */
interface Branch {
  /** Bounds of |diag(c+)^(1/2) A|^2 and |diag(c-)^(1/2) A|^2. */
  readonly up: number
  readonly down: number
  /** Bound of |E| |A|. */
  readonly rest: number
}

/** max(|f - down|, |f + up|) + rest, rounded up. */
function boundOf(f: number, { up, down, rest }: Branch): number {
  const end = (g: number): number => Math.abs(f + g) * (1 + 2 ** -52) + 2 ** -52 * Math.abs(g)
  const largest = Math.max(up === 0 ? Math.abs(f) : end(up), down === 0 ? Math.abs(f) : end(-down), Math.abs(f))
  // Zero slopes are slopes, too: the spectrum reaches from one end to the other.
  return rest === 0 ? largest : sumUp([largest, rest])
}

/** factor * B C s(A x + b), from its end back to x; C scales the hidden channels. */
function branchOf(network: Network, term: Term, start: string): Branch | undefined {
  let { name, factor } = term
  let node = producerOf(network, name)
  for (let steps = 0; node && steps < 5; steps++) {
    const scale = scalarOf(network, node)
    if (!scale) break
    // A power of two at least on one side: exact.
    if (!isPowerOfTwo(factor) && !isPowerOfTwo(scale.by)) return undefined
    factor *= scale.by
    name = scale.input
    node = producerOf(network, name)
  }
  const back = node && network.linear.get(node)
  if (!back || !node || !actsOnOneVector(node, back.structure)) return undefined
  let hidden = producerOf(network, dynamicInputs(node)[0]!)
  let between: Float64Array | undefined
  const diagonal = hidden && network.linear.get(hidden)?.structure
  if (hidden && diagonal?.kind === 'diagonal' && !diagonal.scale.relativeError) {
    between = channelScale(diagonal.scale, hidden.site.outputs[0]!.dims)?.data
    if (!between) return undefined
    hidden = producerOf(network, dynamicInputs(hidden)[0]!)
  }
  if (!hidden || !slopesWithinOne(hidden)) return undefined
  const forth = producerOf(network, dynamicInputs(hidden)[0]!)
  const map = forth && network.linear.get(forth)
  if (!map || !forth || dynamicInputs(forth)[0] !== start) return undefined
  if (!actsOnOneVector(forth, map.structure)) return undefined
  const pair = adjointPair(map.structure, back.structure)
  if (!pair) return undefined
  const spread = between?.reduce((most, value) => Math.max(most, Math.abs(value)), 0) ?? 1
  const rest = [Math.abs(factor), spread, pair.distance, map.enclosure.upper].reduce(timesUp)
  // Three products at most: two roundings each way.
  const factors = pair.factors.map((c, k) => factor * c * (between ? (between[k] ?? between[0]!) : 1))
  const square = (sign: number): number =>
    squareOf(
      network,
      map,
      factors.map((c) => Math.max(0, sign * c) * (1 + 2 ** -50)),
    )
  return { up: square(1), down: square(-1), rest }
}

/** Upper bound of |diag(c)^(1/2) A|^2 for c >= 0. */
function squareOf(network: Network, map: LinearNode, factors: Float64Array): number {
  const largest = factors.reduce((a, b) => Math.max(a, b), 0)
  if (largest === 0) return 0
  const plain = timesUp(largest, timesUp(map.enclosure.upper, map.enclosure.upper))
  if (factors.every((c) => c === largest)) return plain
  const scale = {
    type: 'float64',
    dims: [factors.length],
    data: factors.map((c) => Math.sqrt(c)),
    relativeError: 2 ** -51,
  } as const
  const scaled = map.structure.kind === 'matrix' ? scaleRows(map.structure, scale) : scaleChannels(map.structure, scale)
  if (!scaled) return plain
  const { upper } = network.enclose(scaled)
  return Math.min(plain, timesUp(upper, upper))
}

function scaleRows(structure: MatrixStructure, scale: NdArray): MatrixStructure {
  const [, columns] = structure.matrix.dims as [number, number]
  const data = structure.matrix.data.map((value, k) => value * scale.data[Math.floor(k / columns)]!)
  return { kind: 'matrix', matrix: { type: 'float64', dims: structure.matrix.dims, data, relativeError: 2 ** -50 } }
}

const scaleChannels = (structure: LinearStructure, scale: NdArray): LinearStructure | undefined =>
  structure.kind === 'convolution' ? scaleOutputChannels(structure, scale) : undefined

/** One exact factor for all elements of the one dynamic input. */
function scalarOf(network: Network, node: ProgramNode): { readonly by: number; readonly input: string } | undefined {
  const [input, ...others] = dynamicInputs(node)
  const structure = network.linear.get(node)?.structure
  if (structure?.kind === 'diagonal') {
    const { scale } = structure
    const [by] = scale.data
    if (others.length > 0 || scale.relativeError || by === undefined) return undefined
    return scale.data.every((value) => value === by) ? { by, input: input! } : undefined
  }
  if (structure) return undefined
  const map = uniformMap(node)
  if (map?.kind !== 'scaled-sum' || map.factors.size !== 1) return undefined
  const [[k, by]] = [...map.factors] as [[number, number]]
  return { by, input: node.site.inputs[k]!.name }
}

/** A matrix may act on every vector along any axis, x W and V x alike: adjoint beyond doubt only where there is one vector. */
function actsOnOneVector({ site }: ProgramNode, structure: LinearStructure): boolean {
  if (structure.kind !== 'matrix') return true
  const [input] = site.inputs.filter((operand) => operand && !operand.constant)
  const [rows, columns] = structure.matrix.dims
  return sizeOf(input!.dims) === columns && sizeOf(site.outputs[0]!.dims) === rows
}

const isPowerOfTwo = (x: number): boolean => x !== 0 && Number.isFinite(x) && Number.isInteger(Math.log2(Math.abs(x)))

function dynamicInputs({ site }: ProgramNode): string[] {
  return site.inputs.flatMap((input) => (input && !input.constant ? [input.name] : []))
}

function producerOf(network: Network, name: string): ProgramNode | undefined {
  return network.producers.get(name)?.node
}

/** Cheap, no false: is there a convolution or a matrix a few steps above? */
function mayEndBranch(network: Network, name: string): boolean {
  for (let at: string | undefined = name, steps = 0; at !== undefined && steps < 5; steps++) {
    const node = producerOf(network, at)
    if (!node) return false
    const kind = network.linear.get(node)?.structure.kind
    if (kind === 'convolution' || kind === 'matrix') return true
    const inputs: string[] = dynamicInputs(node)
    at = inputs.length === 1 ? inputs[0] : undefined
  }
  return false
}

/** Every output is an order statistic of its own input and constants. */
function slopesWithinOne(node: ProgramNode): boolean {
  if (dynamicInputs(node).length !== 1 || node.site.outputs.length !== 1) return false
  const { pool, ids } = locally(node, 0)
  const { store } = pool
  return (
    ids?.every((id, i) => {
      if (id < 0 || store.kind(id) !== 'order') return false
      const set = store.argument(id, 0)
      let own = 0
      for (let k = 0; k < store.count(set); k++) {
        const member = store.argument(set, k)
        if (store.kind(member) === 'leaf' && store.value(member) === i) own++
        else if (store.kind(member) !== 'constant') return false
      }
      return own === 1
    }) ?? false
  )
}

function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1)
}
