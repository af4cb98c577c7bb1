/**
 * Lipschitz constants of every tensor with respect to the graph's input, composed over the DAG.
 * @module
 */
import { type BlockBound, boundBlocks } from '../graph/fusion/block-bound.ts'
import { hypotUp, timesUp } from '../ops/sum-up.ts'
import type { Network } from './network.ts'
import { applyRule } from './node-rule.ts'

export interface Constants {
  /** Upper bound, Infinity when there is none. Of the whole input vector when the graph has several inputs. */
  of(name: string): number
  /** How a tensor that is made of bases moves with them; undefined for a base and for what has no bound. */
  blocks(name: string): BlockBound | undefined
  /** The same bound from the rule of the tensor's node alone. */
  byRule(name: string): number
}

/**
 * Every bound is the smallest of sound alternatives: the node's own rule on its inputs, the fused region down to its bases,
 * and `segments`, the affine maps that end here, bounded as one operator.
 */
export function createConstants(
  network: Network,
  segments: (name: string, constants: Constants) => number = () => Number.POSITIVE_INFINITY,
): Constants {
  const known = new Map<string, number>()
  const blocks = new Map<string, BlockBound | undefined>()
  const { symbolic, producers, linear } = network

  const constants: Constants = {
    of(name) {
      const before = known.get(name)
      if (before !== undefined) return before
      // Inputs first: the recursion follows the order of the program, so it is never deeper than a node.
      for (const { site } of network.program.nodes)
        for (const output of site.outputs)
          if (output.name !== '' && !known.has(output.name)) known.set(output.name, compute(output.name))
      return known.get(name) ?? compute(name)
    },
    byRule(name) {
      const producer = producers.get(name)
      if (!producer) return 1
      return applyRule(network, producer, constants.of, (node) => linear.get(node)!.enclosure.upper)
    },
    blocks(name) {
      if (blocks.has(name)) return blocks.get(name)
      const tensor = symbolic.tensors.get(name)
      const found =
        !tensor || tensor.base !== undefined
          ? undefined
          : boundBlocks(symbolic.pool.store, tensor.ids, (base) => constants.of(symbolic.bases[base]!))
      blocks.set(name, found)
      return found
    },
  }

  function compute(name: string): number {
    if (!producers.has(name)) {
      // A graph input; anything else that nothing makes is unknown.
      const isInput = network.program.inputs.some((input) => input.name === name)
      return isInput ? 1 : Number.POSITIVE_INFINITY
    }
    const rule = constants.byRule(name)
    const found = constants.blocks(name)
    const fused = found ? throughBases(network, found, constants.of) : Number.POSITIVE_INFINITY
    return Math.min(rule, fused, segments(name, constants))
  }
  for (const { name } of network.program.inputs) known.set(name, 1)
  return constants
}

/** sqrt(sum l_b^2 m_b^2): how far a tensor moves when base b moves by m_b. */
export function throughBases(network: Network, bound: BlockBound, moves: (name: string) => number): number {
  return hypotUp([...bound].map(([base, factor]) => timesUp(factor, moves(network.symbolic.bases[base]!))))
}
