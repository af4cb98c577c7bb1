import { lowerActivation } from './activation.ts'
import { identity } from './channels.ts'
import { number, weightOf } from './config.ts'
import { kernelOrder } from './conv2d.ts'
import { lowerDepthwiseConv2D } from './depthwise-conv2d.ts'
import type { LayerLowering } from './lowering.ts'

/** SeparableConv2D: a convolution of each channel by itself, then a matrix on the channels of every pixel. */
export const lowerSeparableConv2D: LayerLowering = (desk, layer) => {
  const { depthwise_kernel: depthwise } = layer.weights
  const filters = number(layer, 'filters', 0)
  lowerDepthwiseConv2D(desk, {
    ...layer,
    config: { ...layer.config, use_bias: false, activation: null },
    weights: depthwise ? { depthwise_kernel: depthwise } : { depthwise_kernel: weightOf(layer, 'depthwise_kernel') },
  })
  const channels = desk.shape[desk.shape.length - 1]!
  const order = kernelOrder([1, 1], channels, filters, desk.order)
  const inputs = [desk.tensor, desk.weight(layer, 'pointwise_kernel', [filters, channels, 1, 1], order)]
  if (layer.config.use_bias !== false) inputs.push(desk.weight(layer, 'bias', [filters], identity(filters)))
  desk.tensor = desk.node(`${layer.name}/pointwise`, 'Conv', inputs, { kernel_shape: [1, 1] })
  desk.shape = [...desk.shape.slice(0, -1), filters]
  desk.order = undefined
  // Two kernels: which of them made the channels cannot be said by the name of the layer.
  desk.produced(undefined)
  lowerActivation(desk, layer)
}
