import { pair, requireChannelsLast, spatialShape, unsupported } from './config.ts'
import type { LayerLowering } from './lowering.ts'

/** UpSampling2D: pixels repeated, or interpolated between the centres of the pixels. */
export const lowerUpSampling2D: LayerLowering = (desk, layer) => {
  requireChannelsLast(layer)
  const [height, width, channels] = spatialShape(desk.shape, layer)
  const [rows, columns] = pair(layer, 'size', [2, 2])
  const interpolation = String(layer.config.interpolation ?? 'nearest').toLowerCase()
  const kinds: Readonly<Record<string, Parameters<typeof desk.node>[3]>> = {
    nearest: { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' },
    bilinear: { mode: 'linear', coordinate_transformation_mode: 'half_pixel' },
  }
  const kind = Object.hasOwn(kinds, interpolation) ? kinds[interpolation] : undefined
  if (!kind) throw unsupported(layer, `has interpolation = ${interpolation}`)
  if (![rows, columns].every((factor) => Number.isInteger(factor) && factor > 0))
    throw unsupported(layer, `has size = ${JSON.stringify(layer.config.size)}`)
  const scales = desk.constant(`${layer.name}/scales`, [1, 1, rows, columns])
  desk.tensor = desk.node(layer.name, 'Resize', [desk.tensor, '', scales], kind)
  desk.shape = [height * rows, width * columns, channels]
}
