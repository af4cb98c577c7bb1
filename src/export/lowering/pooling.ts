import { number, paddingMode, pair, requireChannelsLast, spatialShape, unsupported } from './config.ts'
import { windowAxis } from './geometry.ts'
import type { LayerLowering } from './lowering.ts'
import { scaleBy } from './scaling.ts'

/** AveragePooling2D and MaxPooling2D of Keras: any strides; zeros outside the image count in neither. */
export const lowerPooling2D: LayerLowering = (desk, layer) => {
  requireChannelsLast(layer)
  const [height, width, channels] = spatialShape(desk.shape, layer)
  const size = pair(layer, 'pool_size', [2, 2])
  const strides = pair(layer, 'strides', size)
  const padding = paddingMode(layer, 'valid')
  if (padding !== 'same' && padding !== 'valid') throw unsupported(layer, `has padding = ${padding}`)
  const axes = [height, width].map((n, axis) => windowAxis(n, size[axis]!, strides[axis]!, padding))
  const op = layer.className.startsWith('Max') ? 'MaxPool' : 'AveragePool'
  desk.tensor = desk.node(layer.name, op, [desk.tensor], {
    kernel_shape: size,
    strides,
    pads: [...axes.map(({ before }) => before), ...axes.map(({ after }) => after)],
  })
  desk.shape = [...axes.map(({ out }) => out), channels]
}

/** ScaledAveragePooling2D: the mean over windows of P pixels times sqrt(P) k, so that a window's sum is divided by sqrt(P). */
export const lowerScaledAveragePooling2D: LayerLowering = (desk, layer) => {
  requireChannelsLast(layer)
  const [height, width, channels] = spatialShape(desk.shape, layer)
  const [ph, pw] = poolSize(layer)
  desk.tensor = desk.node(layer.name, 'AveragePool', [desk.tensor], { kernel_shape: [ph, pw], strides: [ph, pw] })
  scaleBy(desk, `${layer.name}/scale`, Math.sqrt(ph * pw) * number(layer, 'k_coef_lip', 1))
  desk.shape = [Math.floor(height / ph), Math.floor(width / pw), channels]
}

/** Window of a scaled pooling layer; deel-lip allows only strides = pool_size and padding = 'valid'. */
export function poolSize(layer: Parameters<LayerLowering>[1]): readonly [number, number] {
  const size = pair(layer, 'pool_size', [2, 2])
  const strides = pair(layer, 'strides', size)
  if (strides[0] !== size[0] || strides[1] !== size[1])
    throw unsupported(layer, `has strides = [${strides.join(', ')}]`)
  const padding = paddingMode(layer, 'valid')
  if (padding !== 'valid') throw unsupported(layer, `has padding = ${padding}`)
  return size
}
