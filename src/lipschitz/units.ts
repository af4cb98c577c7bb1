/**
 * Groups of nodes that have a constant which their nodes' own rules do not give: one pattern a file.
 * @module
 */
import { centering } from './centering.ts'
import { circularConvolution } from './circular-convolution.ts'
import { gatedActivation } from './gated-activation.ts'
import { logOfExponentials } from './log-of-exponentials.ts'
import type { Network } from './network.ts'
import { ownSize } from './own-size.ts'
import { residualBlock } from './residual-block.ts'
import type { Segment } from './segments.ts'

const PATTERNS: readonly ((network: Network, name: string) => Segment | undefined)[] = [
  residualBlock,
  gatedActivation,
  circularConvolution,
  centering,
  ownSize,
  logOfExponentials,
]

/** Every unit that ends at a tensor. */
export function unitsAt(network: Network, name: string): readonly Segment[] {
  const found = PATTERNS.flatMap((pattern) => pattern(network, name) ?? [])
  // Patterns read constants off the nodes, whose own rules say nothing where they are those of one size only.
  return found.filter(({ nodes }) => nodes.every(network.steady))
}
