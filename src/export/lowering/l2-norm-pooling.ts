import { number, requireChannelsLast, spatialShape } from './config.ts'
import type { LayerLowering } from './lowering.ts'
import { poolSize } from './pooling.ts'
import { scaleBy } from './scaling.ts'

/**
 * ScaledL2NormPooling2D: sqrt(P * mean(x^2)) over windows of P pixels, times k. Written as Mul, AveragePool, Mul, Sqrt: in
 * onnxruntime LpPool is an order of magnitude slower (bench/export).
 */
export const lowerL2NormPooling2D: LayerLowering = (desk, layer) => {
  requireChannelsLast(layer)
  const [height, width, channels] = spatialShape(desk.shape, layer)
  const [ph, pw] = poolSize(layer)
  const squared = desk.node(`${layer.name}/square`, 'Mul', [desk.tensor, desk.tensor])
  const mean = desk.node(`${layer.name}/mean`, 'AveragePool', [squared], { kernel_shape: [ph, pw], strides: [ph, pw] })
  // deel-lip for Keras 3 adds its epsilon under the root in the forward pass too; the reader of such a file says so.
  const epsilon = number(layer, 'epsilon_under_root', 0)
  const shifted =
    epsilon === 0
      ? mean
      : desk.node(`${layer.name}/shift`, 'Add', [mean, desk.constant(`${layer.name}/epsilon`, [epsilon], [])])
  const sum = desk.node(`${layer.name}/sum`, 'Mul', [shifted, desk.constant(`${layer.name}/pixels`, [ph * pw], [])])
  desk.tensor = desk.node(`${layer.name}/root`, 'Sqrt', [sum])
  desk.damp(desk.tensor, Math.sqrt(ph * pw) * number(layer, 'eps_grad_sqrt', 1e-6))
  scaleBy(desk, `${layer.name}/scale`, number(layer, 'k_coef_lip', 1))
  desk.shape = [Math.floor(height / ph), Math.floor(width / pw), channels]
}
