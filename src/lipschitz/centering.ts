/**
 * x less its mean over some axes (LayerCentering): the orthogonal projection onto what has mean 0 there, hence 1-Lipschitz,
 * where x and its mean one by one would give 2.
 * @module
 */
import type { ProgramNode } from '../graph/program.ts'
import type { Network } from './network.ts'
import type { Segment } from './segments.ts'

/** The subtraction of a mean that ends at a tensor, or nothing. */
export function centering(network: Network, name: string): Segment | undefined {
  const end = network.producers.get(name)?.node
  if (end?.site.node.op !== 'Sub') return undefined
  const [x, subtracted] = end.site.inputs
  if (!x || x.constant || !subtracted || subtracted.constant) return undefined
  const mean = network.producers.get(subtracted.name)?.node
  if (!mean || !isMean(mean) || mean.site.inputs[0]?.name !== x.name) return undefined
  // With its axes kept, element i of the mean meets the elements it is the mean of, and no others.
  const kept = mean.site.outputs[0]!.dims
  if (kept.length !== x.dims.length || !kept.every((size, axis) => size === 1 || size === x.dims[axis]))
    return undefined
  return {
    base: x.name,
    nodes: [mean, end],
    enclosure: { lower: 0, upper: 1, method: 'centering' },
    because: 'a tensor less its mean: I - P with P an orthogonal projection is one, too',
  }
}

const isMean = ({ site }: ProgramNode): boolean => site.node.op === 'ReduceMean' || site.node.op === 'GlobalAveragePool'
