import { identity, reorderChannels } from './channels.ts'
import { number, requireChannelsLast, unsupported } from './config.ts'
import type { LayerLowering, Lowering } from './lowering.ts'
import { scaleBy } from './scaling.ts'

/**
 * GroupSort(n): consecutive channels sorted ascending in groups of n.
 *
 * n = 2 is the fast path: the channels are taken in another order, first members of all pairs, then second members, so that
 * Split, Min, Max, Concat work on contiguous halves; the permutation is folded into the weights on both sides.
 * Other n: Reshape to (groups, n), TopK of all n, Reshape back.
 */
export const lowerGroupSort: LayerLowering = (desk, layer) => {
  requireChannelsLast(layer)
  const channels = desk.shape[desk.shape.length - 1]!
  const requested =
    layer.className === 'GroupSort2' ? 2 : layer.className === 'FullSort' ? channels : number(layer, 'n', channels)
  const n = Math.min(requested, channels)
  if (channels % n !== 0) throw unsupported(layer, `sorts groups of ${n} in ${channels} channels`)
  if (n === 2) sortPairs(desk, layer.name, channels)
  else if (n > 1) sortGroups(desk, layer.name, channels, n)
  scaleBy(desk, `${layer.name}/scale`, number(layer, 'k_coef_lip', 1))
}

/** Leaves [mins, maxes] in hand; position of ONNX channel j in deel-lip's order is told to the layers that follow. */
function sortPairs(desk: Lowering, name: string, channels: number): void {
  const half = channels / 2
  const pairs = Int32Array.from({ length: channels }, (_, j) => (j < half ? 2 * j : 2 * (j - half) + 1))
  reorderChannels(desk, desk.producer, `${name}/pairs`, pairs)
  const sizes = desk.indices(`${name}/halves/sizes`, [half, half])
  const [low, high] = desk.nodes(`${name}/halves`, 'Split', [desk.tensor, sizes], 2, { axis: 1 })
  const min = desk.node(`${name}/min`, 'Min', [low!, high!])
  const max = desk.node(`${name}/max`, 'Max', [low!, high!])
  desk.tensor = desk.node(`${name}/concat`, 'Concat', [min, max], { axis: 1 })
  // The halves now hold minima and maxima: they can no longer be exchanged in the weights that made them.
  desk.produced(undefined)
}

function sortGroups(desk: Lowering, name: string, channels: number, n: number): void {
  reorderChannels(desk, desk.producer, `${name}/order`, identity(channels))
  const spatial = desk.shape.slice(0, -1)
  const grouped = desk.node(`${name}/groups`, 'Reshape', [
    desk.tensor,
    desk.indices(`${name}/groups/shape`, [0, channels / n, n, ...spatial]),
  ])
  const [sorted] = desk.nodes(`${name}/sort`, 'TopK', [grouped, desk.indices(`${name}/sort/k`, [n])], 2, {
    axis: 2,
    largest: 0,
    sorted: 1,
  })
  desk.tensor = desk.node(`${name}/ungroup`, 'Reshape', [
    sorted!,
    desk.indices(`${name}/ungroup/shape`, [0, channels, ...spatial]),
  ])
  desk.produced(undefined)
}
