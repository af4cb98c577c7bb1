/**
 * What one node does to distances, from the rule of its operator alone: the step of naive composition.
 * @module
 */
import { boundBlocks } from '../graph/fusion/block-bound.ts'
import { createExpressionPool, type FusionPool } from '../graph/fusion/expression-pool.ts'
import { linearForm } from '../graph/fusion/linear-form.ts'
import { moveExpressions } from '../graph/fusion/symbolic-run.ts'
import type { ProgramNode } from '../graph/program.ts'
import type { NdArray } from '../onnx/ir.ts'
import type { LinearStructure } from '../ops/operator.ts'
import { hypotUp, timesUp } from '../ops/sum-up.ts'
import { OPAQUE } from '../ops/symbolic.ts'
import type { Network, Producer } from './network.ts'

/** Which norm of a linear node a question is about: of T for distances, of |T| for rounding. */
export type NormOf = (node: ProgramNode) => number

/**
 * Bound on the distance at one output of a node when dynamic input `name` moves by at most `moves(name)`.
 * Rules are seminorms of the distances at the inputs (sums, quadratures), so the answer is monotone, homogeneous and
 * subadditive in them. Infinity = no bound.
 */
export function applyRule(
  network: Network,
  { node, output }: Producer,
  moves: (name: string) => number,
  normOf: NormOf,
): number {
  const rule = network.rule(node)
  if (rule.outputs && !rule.outputs.includes(output)) return Number.POSITIVE_INFINITY
  const inputs = node.site.inputs.map((input) => (input && !input.constant ? moves(input.name) : undefined))
  if (inputs.some((move) => move !== undefined && !(move < Number.POSITIVE_INFINITY))) return Number.POSITIVE_INFINITY
  const [single = 0] = inputs.filter((move) => move !== undefined)
  switch (rule.kind) {
    case 'move':
      return hypotUp(copies(node, output).map((factor, k) => timesUp(factor, inputs[k] ?? 0)))
    case 'affine':
      return timesUp(normOf(node), single)
    case 'constant':
    case 'monotone-head':
      return timesUp(rule.value, single)
    case 'combine': {
      const result = rule.combine(inputs)
      return Number.isNaN(result) ? Number.POSITIVE_INFINITY : result
    }
    case 'unbounded':
      return Number.POSITIVE_INFINITY
  }
}

/** What `copies` found: the same node is asked about for distances, errors and explanations. */
const known = new WeakMap<ProgramNode, Map<number, readonly number[]>>()

/** For each input of a movement, the root of how often its elements are copied at most; Infinity when it is no movement. */
function copies(node: ProgramNode, output: number): readonly number[] {
  const before = known.get(node)
  const found = before?.get(output)
  if (found) return found
  const { pool, ids } = locally(node, output)
  const bound = ids && boundBlocks(pool.store, ids)
  const factors = node.site.inputs.map((_, k) => (bound ? (bound.get(k) ?? 0) : Number.POSITIVE_INFINITY))
  known.set(node, (before ?? new Map<number, readonly number[]>()).set(output, factors))
  return factors
}

/** One output of a node as expressions over its own inputs (base k = input k). */
export function locally(
  { site, operator }: ProgramNode,
  output: number,
): { pool: FusionPool; ids: Float64Array | undefined } {
  const pool = createExpressionPool()
  const inputs = site.inputs.map((input, k) => {
    if (!input || input.constant) return undefined
    const count = input.dims.reduce((product, dim) => product * dim, 1)
    return { dims: input.dims, ids: pool.open(k, count) }
  })
  const isMove = operator.lipschitz(site).kind === 'move'
  const found = isMove ? moveExpressions(site, operator, inputs, pool) : operator.symbolic?.(site, inputs, pool)
  return { pool, ids: found?.[output]?.ids }
}

/**
 * The linear part of the node has float32 numbers of the file as entries, so that its adjoint, which is written as an ONNX
 * graph with float32 constants, has lost nothing.
 */
export function hasExactAdjoint(network: Network, node: ProgramNode): boolean {
  if (node.site.inputs.some((input) => input?.constant?.relativeError)) return false
  const structure = network.linear.get(node)?.structure
  if (structure?.kind === 'matrix' && structure.perturbation) return false
  const weights = weightsOf(structure)
  if (weights)
    return weights.every(({ relativeError, data }) => !relativeError && data.every((x) => Math.fround(x) === x))
  const { pool, ids } = locally(node, 0)
  if (!ids) return false
  return ids.every((id) => {
    if (id === OPAQUE) return false
    const { terms } = linearForm(pool.store, id)
    return terms.every((term) => term.slack === 0 && Math.fround(term.value) === term.value)
  })
}

function weightsOf(structure: LinearStructure | undefined): readonly NdArray[] | undefined {
  switch (structure?.kind) {
    case 'matrix':
      return [structure.matrix]
    case 'blocks':
      return structure.blocks
    case 'convolution':
      return [structure.weights]
    default:
      return undefined
  }
}
