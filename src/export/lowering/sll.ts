import { identity } from './channels.ts'
import { number, pair, requireChannelsLast, spatialShape, unsupported } from './config.ts'
import { kernelOrder } from './conv2d.ts'
import { windowAxis } from './geometry.ts'
import type { LayerLowering, Lowering } from './lowering.ts'
import { scaleBy } from './scaling.ts'

/**
 * SLLDense: y = (x - 2 W relu(W^T x + b)) k. Both products read the one matrix, stored [units, in], so that training moves both
 * and a reader sees that the second is the adjoint of the first. The features keep their order.
 */
export const lowerSLLDense: LayerLowering = (desk, layer) => {
  const features = desk.shape[desk.shape.length - 1]!
  if (desk.shape.length !== 1) throw unsupported(layer, `is applied to shape [${desk.shape.join(', ')}]`)
  const units = number(layer, 'units', 0)
  const order = new Int32Array(units * features)
  for (let o = 0; o < units; o++)
    for (let i = 0; i < features; i++) order[o * features + i] = (desk.order ? desk.order[i]! : i) * units + o
  const kernel = desk.weight(layer, 'kernel', [units, features], order)
  const inputs = [desk.tensor, kernel, ...biasOf(desk, layer, units)]
  const product = desk.node(layer.name, 'Gemm', inputs, { transB: 1 })
  const hidden = desk.node(`${layer.name}/relu`, 'Relu', [product])
  subtractTwice(desk, layer, desk.node(`${layer.name}/back`, 'Gemm', [hidden, kernel]))
}

/** SLLConv2D: the same with a convolution of zero padding 'same' and stride 1, and its adjoint. */
export const lowerSLLConv2D: LayerLowering = (desk, layer) => {
  requireChannelsLast(layer)
  const [height, width, channels] = spatialShape(desk.shape, layer)
  const kernelSize = pair(layer, 'kernel_size', [1, 1])
  const filters = number(layer, 'filters', 0)
  const axes = [height, width].map((n, axis) => windowAxis(n, kernelSize[axis]!, 1, 'same'))
  const geometry = {
    kernel_shape: kernelSize,
    pads: [...axes.map(({ before }) => before), ...axes.map(({ after }) => after)],
  }
  const order = kernelOrder(kernelSize, channels, filters, desk.order)
  const kernel = desk.weight(layer, 'kernel', [filters, channels, ...kernelSize], order)
  const product = desk.node(layer.name, 'Conv', [desk.tensor, kernel, ...biasOf(desk, layer, filters)], geometry)
  const hidden = desk.node(`${layer.name}/relu`, 'Relu', [product])
  subtractTwice(desk, layer, desk.node(`${layer.name}/back`, 'ConvTranspose', [hidden, kernel], geometry))
}

function biasOf(desk: Lowering, layer: Parameters<LayerLowering>[1], units: number): readonly string[] {
  return layer.config.use_bias === false ? [] : [desk.weight(layer, 'bias', [units], identity(units))]
}

function subtractTwice(desk: Lowering, layer: Parameters<LayerLowering>[1], back: string): void {
  const { name } = layer
  if (layer.config.activation !== undefined && layer.config.activation !== null && layer.config.activation !== 'linear')
    throw unsupported(layer, 'has an activation after the block')
  const twice = desk.node(`${name}/twice`, 'Mul', [back, desk.constant(`${name}/two`, [2], [])])
  desk.tensor = desk.node(`${name}/residual`, 'Sub', [desk.tensor, twice])
  // The block is 1-Lipschitz where its linear map is.
  desk.claim(name, { limit: 1, of: 'norm' })
  desk.produced(undefined)
  scaleBy(desk, `${name}/scale`, number(layer, 'k_coef_lip', 1))
}
