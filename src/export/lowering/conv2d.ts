import { lowerActivation } from './activation.ts'
import { identity, restoreOrder } from './channels.ts'
import { number, paddingMode, pair, requireChannelsLast, spatialShape, unsupported } from './config.ts'
import { windowAxis } from './geometry.ts'
import type { LayerLowering } from './lowering.ts'
import { padImages } from './pad.ts'

/** Layers that pad as much as 'same' does; the others (PadConv2D) floor(k / 2) on each side. */
const SAME_AMOUNT = new Set(['OrthoConv2D', 'AOLConv2D'])

/** Convolutions as one Conv: kernel HWIO -> OIHW, TensorFlow's zero padding written out, other padding by what padImages writes. */
export const lowerConv2D: LayerLowering = (desk, layer) => {
  requireChannelsLast(layer)
  spatialShape(desk.shape, layer)
  const kernelSize = pair(layer, 'kernel_size', [1, 1])
  const strides = pair(layer, 'strides', [1, 1])
  const dilations = pair(layer, 'dilation_rate', [1, 1])
  const groups = number(layer, 'groups', 1)
  const filters = number(layer, 'filters', 0)
  const padding = paddingMode(layer, 'valid')
  const span = kernelSize.map((k, axis) => dilations[axis]! * (k - 1) + 1)

  let margins = kernelSize.map((k): readonly [number, number] => [Math.floor(k / 2), Math.floor(k / 2)])
  if (padding === 'same' || padding === 'valid' || SAME_AMOUNT.has(layer.className))
    margins = span.map((k, axis) => {
      const mode = padding === 'valid' ? 'valid' : 'same'
      const { before, after } = windowAxis(desk.shape[axis]!, k, strides[axis]!, mode)
      return [before, after]
    })
  const zeros = ['same', 'valid', 'constant'].includes(padding)
  if (!zeros) {
    padImages(desk, layer, padding, margins)
    margins = [
      [0, 0],
      [0, 0],
    ]
  }

  const [height, width, channels] = spatialShape(desk.shape, layer)
  if (groups > 1) restoreOrder(desk, `${layer.name}/order`)
  if (channels % groups !== 0 || filters % groups !== 0) throw unsupported(layer, `has groups = ${groups}`)
  const order = kernelOrder(kernelSize, channels / groups, filters, groups === 1 ? desk.order : undefined)
  const inputs = [desk.tensor, desk.weight(layer, 'kernel', [filters, channels / groups, ...kernelSize], order)]
  if (layer.config.use_bias !== false) inputs.push(desk.weight(layer, 'bias', [filters], identity(filters)))
  desk.tensor = desk.node(layer.name, 'Conv', inputs, {
    kernel_shape: kernelSize,
    strides,
    dilations,
    group: groups,
    pads: [...margins.map(([before]) => before), ...margins.map(([, after]) => after)],
  })
  desk.claim(layer.name, { limit: number(layer, 'k_coef_lip', 1), of: 'norm' })
  const [outH, outW] = [height, width].map((n, axis) => {
    const [before, after] = margins[axis]!
    return Math.floor((n + before + after - span[axis]!) / strides[axis]!) + 1
  })
  if (!(outH! > 0 && outW! > 0)) throw unsupported(layer, `leaves nothing of an image of ${height}x${width}`)
  desk.shape = [outH!, outW!, filters]
  desk.order = undefined
  desk.produced(layer)
  lowerActivation(desk, layer)
}

/** Where each element of an OIHW kernel stands in an HWIO one; the input channels are read in ONNX's order. */
export function kernelOrder(
  [kh, kw]: readonly [number, number],
  channels: number,
  filters: number,
  inputOrder: Int32Array | undefined,
): Int32Array {
  const order = new Int32Array(filters * channels * kh * kw)
  let at = 0
  for (let o = 0; o < filters; o++)
    for (let i = 0; i < channels; i++)
      for (let pixel = 0; pixel < kh * kw; pixel++)
        order[at++] = (pixel * channels + (inputOrder ? inputOrder[i]! : i)) * filters + o
  return order
}
