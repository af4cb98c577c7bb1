/**
 * Residual blocks y = f x + g A^T s(A x + b) with the adjoint of the map that made the hidden tensor, s an order statistic of
 * each element and constants (ReLU, ReLU6).
 *
 * Theorem (Araujo et al. 2023, arXiv:2303.03169, theorem 3, for W = A^T). s(u) - s(v) = D (u - v) for a diagonal D with entries
 * in [0, 1], because s is non-decreasing and 1-Lipschitz in each element. So y - y' = (f I + g A^T D A)(x - x'), a symmetric
 * matrix whose spectrum lies between f and f + g |A|^2: the block is max(|f|, |f + g |A|^2|)-Lipschitz. For y = x - 2 A^T s(A x)
 * and |A| <= 1 that is 1, where the triangle inequality says 3.
 * @module
 */
import type { ProgramNode } from '../graph/program.ts'
import type { ConvolutionStructure, LinearStructure, MatrixStructure } from '../ops/operator.ts'
import { timesUp } from '../ops/sum-up.ts'
import type { Network } from './network.ts'
import { locally } from './node-rule.ts'
import type { Segment } from './segments.ts'
import { between } from './trailing.ts'
import { uniformMap } from './uniform-map.ts'

/** The block that ends at a tensor, or nothing. */
export function residualBlock(network: Network, name: string): Segment | undefined {
  const end = network.producers.get(name)
  if (!end) return undefined
  const operands = dynamicInputs(end.node)
  if (operands.length !== 2 || !operands.some((operand) => mayEndBranch(network, operand))) return undefined
  const sum = uniformMap(end.node)
  if (sum?.kind !== 'scaled-sum' || sum.factors.size !== 2) return undefined
  const terms = [...sum.factors].map(([k, factor]) => ({ name: end.node.site.inputs[k]!.name, factor }))
  for (const [skip, branch] of [terms, terms.toReversed()] as [Term, Term][]) {
    const found = branchOf(network, branch, skip.name)
    if (!found) continue
    const square = timesUp(found.norm, found.norm)
    const upper = boundOf(skip.factor, found.factor, square)
    return {
      base: skip.name,
      nodes: between(network.program, skip.name, name).nodes,
      enclosure: { lower: 0, upper, method: 'residual-block' },
      because: 'a residual block with its own adjoint: its Jacobian f I + g Aᵀ D A is symmetric, 0 <= D <= I',
    }
  }
  return undefined
}

interface Term {
  readonly name: string
  readonly factor: number
}

/** max(|f|, |f + g q|) for 0 <= q <= square, rounded up; q -> |f + g q| is convex. */
function boundOf(f: number, g: number, square: number): number {
  const product = g < 0 ? -timesUp(-g, square) : timesUp(g, square)
  const end = Math.abs(f + product)
  return Math.max(Math.abs(f), end * (1 + 2 ** -52) + 2 ** -52 * Math.abs(product))
}

/** factor * A^T s(A x + b), from its end back to x; factors are float32 constants, so few of them multiply exactly or are refused. */
function branchOf(
  network: Network,
  term: Term,
  start: string,
): { readonly factor: number; readonly norm: number } | undefined {
  let { name, factor } = term
  let node = producerOf(network, name)
  for (let steps = 0; node && !network.linear.get(node)?.structure && steps < 4; steps++) {
    const map = uniformMap(node)
    if (map?.kind !== 'scaled-sum' || map.factors.size !== 1) return undefined
    const [[k, by]] = [...map.factors] as [[number, number]]
    const product = factor * by
    // A power of two at least on one side: exact.
    if (!isPowerOfTwo(factor) && !isPowerOfTwo(by)) return undefined
    factor = product
    name = node.site.inputs[k]!.name
    node = producerOf(network, name)
  }
  const back = node && network.linear.get(node)
  // Mul by a scalar is linear too: a factor, and no map with an adjoint in the block.
  if (back?.structure.kind === 'diagonal' && node) {
    const { scale } = back.structure
    const [input] = dynamicInputs(node)
    if (scale.relativeError || scale.data.length !== 1 || !isPowerOfTwo(scale.data[0]!)) return undefined
    return branchOf(network, { name: input!, factor: factor * scale.data[0]! }, start)
  }
  if (!back || !node) return undefined
  const hidden = producerOf(network, dynamicInputs(node)[0]!)
  if (!hidden || !slopesWithinOne(hidden)) return undefined
  const forth = producerOf(network, dynamicInputs(hidden)[0]!)
  const map = forth && network.linear.get(forth)
  if (!map || !forth || dynamicInputs(forth)[0] !== start) return undefined
  if (!actsOnOneVector(forth, map.structure) || !actsOnOneVector(node, back.structure)) return undefined
  return isAdjoint(map.structure, back.structure) ? { factor, norm: map.enclosure.upper } : undefined
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

/** The second map is the adjoint of the first, number by number. */
function isAdjoint(first: LinearStructure, second: LinearStructure): boolean {
  if (first.kind === 'convolution' && second.kind === 'convolution') return sameButTransposed(first, second)
  if (first.kind === 'matrix' && second.kind === 'matrix') return isTransposed(first, second)
  return false
}

function sameButTransposed(first: ConvolutionStructure, second: ConvolutionStructure): boolean {
  if (first.transposed === second.transposed || first.groups !== second.groups) return false
  if (first.perturbation || second.perturbation) return false
  const [a, b] = [first.weights, second.weights]
  if (a.relativeError || b.relativeError || a.dims.join() !== b.dims.join()) return false
  const lists = ['strides', 'dilations', 'padsBegin', 'padsEnd', 'spatial'] as const
  return lists.every((key) => first[key].join() === second[key].join()) && a.data.every((x, i) => x === b.data[i])
}

function isTransposed(first: MatrixStructure, second: MatrixStructure): boolean {
  if (first.perturbation || second.perturbation) return false
  const [a, b] = [first.matrix, second.matrix]
  const [rows, columns] = a.dims as readonly [number, number]
  if (a.relativeError || b.relativeError || b.dims[0] !== columns || b.dims[1] !== rows) return false
  return a.data.every((x, at) => x === b.data[(at % columns) * rows + Math.floor(at / columns)])
}

function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1)
}
