import { number, requireChannelsLast } from './config.ts'
import type { LayerLowering } from './lowering.ts'
import { scaleBy } from './scaling.ts'

/**
 * MaxMin: concat(relu(x), relu(-x)) along the channels; as many channels again. relu(-x) is written as -min(x, 0), so that both
 * are order statistics of one set {x, 0} to the reader: together 1-Lipschitz.
 */
export const lowerMaxMin: LayerLowering = (desk, layer) => {
  requireChannelsLast(layer)
  const channels = desk.shape[desk.shape.length - 1]!
  const up = desk.node(`${layer.name}/max`, 'Relu', [desk.tensor])
  const zero = desk.constant(`${layer.name}/zero`, [0], [])
  const down = desk.node(`${layer.name}/negated`, 'Neg', [desk.node(`${layer.name}/min`, 'Min', [desk.tensor, zero])])
  desk.tensor = desk.node(`${layer.name}/concat`, 'Concat', [up, down], { axis: 1 })
  if (desk.order) desk.order = Int32Array.from([...desk.order, ...desk.order.map((channel) => channel + channels)])
  desk.produced(undefined)
  scaleBy(desk, `${layer.name}/scale`, number(layer, 'k_coef_lip', 1))
  desk.shape = [...desk.shape.slice(0, -1), 2 * channels]
}
