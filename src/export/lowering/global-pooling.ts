import { number, requireChannelsLast, spatialShape } from './config.ts'
import type { LayerLowering, Lowering } from './lowering.ts'
import { scaleBy } from './scaling.ts'

/** GlobalAveragePooling2D and ScaledGlobalAveragePooling2D (the mean over n pixels times sqrt(n) k). */
export const lowerGlobalAveragePooling2D: LayerLowering = (desk, layer) => {
  requireChannelsLast(layer)
  const [height, width] = spatialShape(desk.shape, layer)
  desk.tensor = desk.node(layer.name, 'GlobalAveragePool', [desk.tensor])
  dropPixels(desk, layer)
  if (layer.className.startsWith('Scaled'))
    scaleBy(desk, `${layer.name}/scale`, Math.sqrt(height * width) * number(layer, 'k_coef_lip', 1))
}

/** ScaledGlobalL2NormPooling2D: the norm of each channel, times k. The spelling of ScaledL2NormPooling2D. */
export const lowerGlobalL2NormPooling2D: LayerLowering = (desk, layer) => {
  requireChannelsLast(layer)
  const [height, width] = spatialShape(desk.shape, layer)
  const { name } = layer
  const squared = desk.node(`${name}/square`, 'Mul', [desk.tensor, desk.tensor])
  const mean = desk.node(`${name}/mean`, 'GlobalAveragePool', [squared])
  let sum = desk.node(`${name}/sum`, 'Mul', [mean, desk.constant(`${name}/pixels`, [height * width], [])])
  // deel-lip for Keras 3 adds its epsilon under the root of the sum; the reader of such a file says so.
  const epsilon = number(layer, 'epsilon_under_root', 0)
  if (epsilon !== 0) sum = desk.node(`${name}/shift`, 'Add', [sum, desk.constant(`${name}/epsilon`, [epsilon], [])])
  desk.tensor = desk.node(`${name}/root`, 'Sqrt', [sum])
  desk.damp(desk.tensor, number(layer, 'eps_grad_sqrt', 1e-6))
  dropPixels(desk, layer)
  scaleBy(desk, `${name}/scale`, number(layer, 'k_coef_lip', 1))
}

/** GlobalMaxPooling2D. */
export const lowerGlobalMaxPooling2D: LayerLowering = (desk, layer) => {
  requireChannelsLast(layer)
  spatialShape(desk.shape, layer)
  desk.tensor = desk.node(layer.name, 'GlobalMaxPool', [desk.tensor])
  dropPixels(desk, layer)
}

/** [batch, c, 1, 1] -> [batch, c]; the channels stay in their order, and who made them stays known. */
function dropPixels(desk: Lowering, layer: Parameters<LayerLowering>[1]): void {
  const channels = desk.shape[desk.shape.length - 1]!
  if (layer.config.keepdims === true) {
    desk.shape = [1, 1, channels]
    return
  }
  desk.tensor = desk.node(`${layer.name}/flat`, 'Flatten', [desk.tensor], { axis: 1 })
  desk.shape = [channels]
}
