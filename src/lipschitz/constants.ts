/**
 * Lipschitz constants of every tensor with respect to the graph's input, composed over the DAG.
 * @module
 */
import { type BlockBound, boundBlocks } from '../graph/fusion/block-bound.ts'
import type { ProgramNode } from '../graph/program.ts'
import { hypotUp, timesUp } from '../ops/sum-up.ts'
import type { Network } from './network.ts'
import { applyRule } from './node-rule.ts'
import { createRanges } from './ranges.ts'
import type { Segment, Segments } from './segments.ts'
import { unitsAt } from './units.ts'

export interface Constants {
  /** Upper bound, Infinity when there is none. Of the whole input vector when the graph has several inputs. */
  of(name: string): number
  /** How a tensor that is made of bases moves with them; undefined for a base and for what has no bound. */
  blocks(name: string): BlockBound | undefined
  /** The same bound from the rule of the tensor's node alone. */
  byRule(name: string): number
  /** The ranges of a node's inputs bound its slopes: it is defined for every input. */
  isRanged(node: ProgramNode): boolean
  /** The affine segment or the residual block that ends here, where it gave the bound. */
  segment(name: string): Segment | undefined
}

/**
 * Every bound is the smallest of sound alternatives: the node's own rule on its inputs, the fused region down to its bases,
 * and the affine segment or residual block that ends here, bounded as one operator.
 */
export function createConstants(network: Network, segments?: Segments): Constants {
  const known = new Map<string, number>()
  const blocks = new Map<string, BlockBound | undefined>()
  const { symbolic, producers, linear } = network
  const ranges = createRanges(network)
  let settled = 0
  const winners = new Map<string, Segment>()

  const constants: Constants = {
    of(name) {
      const before = known.get(name)
      if (before !== undefined) return before
      // Bases in the order of the program, so that no recursion is deeper than a few nodes.
      for (const base of symbolic.bases.slice(settled)) {
        settled++
        if (base === name) break
        constants.of(base)
      }
      const value = compute(name)
      known.set(name, value)
      return value
    },
    byRule(name) {
      const producer = producers.get(name)
      if (!producer) return 1
      return applyRule(network, producer, constants.of, (node) => linear.get(node)!.enclosure.upper)
    },
    isRanged: (node) => ranges.slopes(node) !== undefined,
    segment: (name) => {
      constants.of(name)
      return winners.get(name)
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
    const found = constants.blocks(name)
    const fused = found ? throughBases(network, found, constants.of) : Number.POSITIVE_INFINITY
    const plain = Math.min(fused, mayBeat(name, fused) ? constants.byRule(name) : fused)
    // Operators that are unbounded in general may be bounded where their inputs stay.
    const { node, output } = producers.get(name)!
    const ranged = Number.isFinite(plain) || output !== 0 ? undefined : ranges.bound(node, constants.of)
    let best = Math.min(plain, ranged ?? plain)
    for (const segment of segments ? [segments.at(name), ...unitsAt(network, name)] : []) {
      const bound = segment ? timesUp(segment.enclosure.upper, constants.of(segment.base)) : Number.POSITIVE_INFINITY
      if (!segment || !(bound < best)) continue
      best = bound
      winners.set(name, segment)
    }
    return best
  }

  /**
   * Fusion sees all that the rule of a movement or an order statistic knows; where the region gains nothing on its bases, or
   * a window overlaps, the node's rule on its inputs may know better.
   */
  function mayBeat(name: string, fused: number): boolean {
    const { node } = producers.get(name)!
    const bases = constants.blocks(name)
    if (!bases || !Number.isFinite(fused) || linear.get(node)?.structure.kind === 'convolution') return true
    return fused > Math.max(0, ...[...bases.keys()].map((base) => constants.of(symbolic.bases[base]!)))
  }
  for (const { name } of network.program.inputs) known.set(name, 1)
  return constants
}

/** sqrt(sum l_b^2 m_b^2): how far a tensor moves when base b moves by m_b. */
export function throughBases(network: Network, bound: BlockBound, moves: (name: string) => number): number {
  return hypotUp([...bound].map(([base, factor]) => timesUp(factor, moves(network.symbolic.bases[base]!))))
}
