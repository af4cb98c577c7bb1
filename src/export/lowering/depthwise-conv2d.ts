import { lowerActivation } from './activation.ts'
import { identity, restoreOrder } from './channels.ts'
import { number, paddingMode, pair, requireChannelsLast, spatialShape, unsupported } from './config.ts'
import { windowAxis } from './geometry.ts'
import type { LayerLowering } from './lowering.ts'

/** Keras' DepthwiseConv2D as a Conv with one group a channel: kernel [kh, kw, c, multiplier] -> [c multiplier, 1, kh, kw]. */
export const lowerDepthwiseConv2D: LayerLowering = (desk, layer) => {
  requireChannelsLast(layer)
  const [height, width, channels] = spatialShape(desk.shape, layer)
  const kernelSize = pair(layer, 'kernel_size', [1, 1])
  const strides = pair(layer, 'strides', [1, 1])
  const dilations = pair(layer, 'dilation_rate', [1, 1])
  const multiplier = number(layer, 'depth_multiplier', 1)
  const padding = paddingMode(layer, 'valid')
  if (padding !== 'same' && padding !== 'valid') throw unsupported(layer, `has padding = ${padding}`)
  const axes = [height, width].map((n, axis) =>
    windowAxis(n, dilations[axis]! * (kernelSize[axis]! - 1) + 1, strides[axis]!, padding),
  )
  restoreOrder(desk, `${layer.name}/order`)
  const filters = channels * multiplier
  const pixels = kernelSize[0] * kernelSize[1]
  const order = Int32Array.from({ length: filters * pixels }, (_, i) => (i % pixels) * filters + Math.floor(i / pixels))
  // Keras 2 and TensorFlow.js have a name of their own for it.
  const role = layer.weights.depthwise_kernel ? 'depthwise_kernel' : 'kernel'
  const inputs = [desk.tensor, desk.weight(layer, role, [filters, 1, ...kernelSize], order)]
  if (layer.config.use_bias !== false) inputs.push(desk.weight(layer, 'bias', [filters], identity(filters)))
  desk.tensor = desk.node(layer.name, 'Conv', inputs, {
    kernel_shape: kernelSize,
    strides,
    dilations,
    group: channels,
    pads: [...axes.map(({ before }) => before), ...axes.map(({ after }) => after)],
  })
  desk.claim(layer.name, { limit: 1, of: 'norm' })
  desk.shape = [...axes.map(({ out }) => out), filters]
  desk.produced(layer)
  lowerActivation(desk, layer)
}
