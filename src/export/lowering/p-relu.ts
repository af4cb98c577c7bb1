import { elementOrder } from './channels.ts'
import { number, unsupported, weightOf } from './config.ts'
import type { LayerLowering } from './lowering.ts'
import { scaleBy } from './scaling.ts'

/**
 * PReLU and PReLUlip: slope alpha for each element where it is negative. PReLUlip clips alpha to [-k, k], and multiplies the
 * positive side with min(1, k), except in deel-lip's own numerics.
 */
export const lowerPRelu: LayerLowering = (desk, layer) => {
  const alpha = weightOf(layer, 'alpha')
  const lipschitz = layer.className === 'PReLUlip'
  const k = lipschitz ? number(layer, 'k_coef_lip', 1) : Number.POSITIVE_INFINITY
  const right = lipschitz && (layer.config.compat ?? null) === null ? Math.min(1, k) : 1
  const channels = alpha.dims[alpha.dims.length - 1]!
  const fits = alpha.dims.every((size, axis) => size === desk.shape[axis] || size === 1)
  if (alpha.dims.length !== desk.shape.length || !fits)
    throw unsupported(layer, `has alpha of shape [${alpha.dims.join(', ')}] for [${desk.shape.join(', ')}]`)
  const dims = alpha.dims.length > 1 ? [channels, ...alpha.dims.slice(0, -1)] : [channels]
  // An alpha that all channels share has no order.
  const shared = channels !== desk.shape[desk.shape.length - 1]
  const order = elementOrder(alpha.dims, shared ? undefined : desk.order)
  // y = right * (x where x >= 0, (alpha / right) x below).
  let slope: string
  if (desk.training && right === 1) {
    slope = desk.weight(layer, 'alpha', dims, order)
    if (lipschitz)
      slope = desk.node(`${layer.name}/slope`, 'Clip', [
        slope,
        desk.constant(`${layer.name}/least`, [-k], []),
        desk.constant(`${layer.name}/most`, [k], []),
      ])
  } else {
    const clipped = alpha.data.map((value) => Math.max(-k, Math.min(k, value)) / right)
    slope = desk.fixed(layer, 'slope', dims, clipped, order)
  }
  desk.tensor = desk.node(layer.name, 'PRelu', [desk.tensor, slope])
  if (!shared) desk.carried(layer)
  scaleBy(desk, `${layer.name}/scale`, right)
}
