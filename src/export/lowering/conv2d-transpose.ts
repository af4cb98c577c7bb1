import { lowerActivation } from './activation.ts'
import { identity } from './channels.ts'
import { number, paddingMode, pair, requireChannelsLast, spatialShape, unsupported } from './config.ts'
import type { LayerLowering } from './lowering.ts'

/**
 * SpectralConv2DTranspose and Conv2DTranspose as one ConvTranspose: kernel [kh, kw, filters, cin] -> [cin, filters, kh, kw].
 * The adjoint of TensorFlow's convolution on an output of n s ('same') or n s + max(k - s, 0) pixels ('valid').
 */
export const lowerConv2DTranspose: LayerLowering = (desk, layer) => {
  requireChannelsLast(layer)
  const [height, width, channels] = spatialShape(desk.shape, layer)
  const kernelSize = pair(layer, 'kernel_size', [1, 1])
  const strides = pair(layer, 'strides', [1, 1])
  const filters = number(layer, 'filters', 0)
  const padding = paddingMode(layer, 'valid')
  if (padding !== 'same' && padding !== 'valid') throw unsupported(layer, `has padding = ${padding}`)
  if (pair(layer, 'dilation_rate', [1, 1]).some((rate) => rate !== 1)) throw unsupported(layer, 'has a dilation_rate')
  if (layer.config.output_padding !== undefined && layer.config.output_padding !== null)
    throw unsupported(layer, `has output_padding = ${JSON.stringify(layer.config.output_padding)}`)

  // ONNX gives s (n - 1) + k - before - after + extra.
  const axes = kernelSize.map((k, axis) => {
    const total = padding === 'same' ? Math.max(k - strides[axis]!, 0) : 0
    return { before: Math.floor(total / 2), after: Math.ceil(total / 2), extra: Math.max(strides[axis]! - k, 0) }
  })
  const [kh, kw] = kernelSize
  const order = new Int32Array(channels * filters * kh * kw)
  let at = 0
  for (let i = 0; i < channels; i++)
    for (let o = 0; o < filters; o++)
      for (let pixel = 0; pixel < kh * kw; pixel++)
        order[at++] = (pixel * filters + o) * channels + (desk.order ? desk.order[i]! : i)
  const inputs = [desk.tensor, desk.weight(layer, 'kernel', [channels, filters, kh, kw], order, 1)]
  if (layer.config.use_bias !== false) inputs.push(desk.weight(layer, 'bias', [filters], identity(filters)))
  desk.tensor = desk.node(layer.name, 'ConvTranspose', inputs, {
    kernel_shape: kernelSize,
    strides,
    pads: [...axes.map(({ before }) => before), ...axes.map(({ after }) => after)],
    output_padding: axes.map(({ extra }) => extra),
  })
  desk.claim(layer.name, { limit: number(layer, 'k_coef_lip', 1), of: 'norm' })
  const [outH, outW] = [height, width].map((n, axis) => {
    const { before, after, extra } = axes[axis]!
    return strides[axis]! * (n - 1) + kernelSize[axis]! - before - after + extra
  })
  desk.shape = [outH!, outW!, filters]
  desk.order = undefined
  desk.produced(layer)
  lowerActivation(desk, layer)
}
