import { number, pair, requireChannelsLast, spatialShape, unsupported } from './config.ts'
import type { LayerLowering } from './lowering.ts'
import { type Margins, padImages } from './pad.ts'
import { scaleAndShift, scaleBy } from './scaling.ts'

/** Keras' Rescaling: x * scale + offset, one number each or one a channel. */
export const lowerRescaling: LayerLowering = (desk, layer) => {
  const channels = desk.shape[desk.shape.length - 1]!
  const listed = ['scale', 'offset'].map((key) => layer.config[key]).filter(Array.isArray)
  if (listed.length > 0 && listed.every((list) => list.length === channels && list.every(Number.isFinite))) {
    const values = (key: string, fallback: number): Float32Array => {
      const value = layer.config[key]
      return Float32Array.from(Array.isArray(value) ? value : new Array(channels).fill(number(layer, key, fallback)))
    }
    scaleAndShift(desk, layer, values('scale', 1), values('offset', 0))
    return
  }
  const offset = number(layer, 'offset', 0)
  scaleBy(desk, `${layer.name}/scale`, number(layer, 'scale', 1))
  if (offset !== 0)
    desk.tensor = desk.node(layer.name, 'Add', [desk.tensor, desk.constant(`${layer.name}/offset`, [offset], [])])
  desk.produced(undefined)
}

/** ZeroPadding2D and Cropping2D. */
export const lowerMargins: LayerLowering = (desk, layer) => {
  requireChannelsLast(layer)
  spatialShape(desk.shape, layer)
  const crop = layer.className === 'Cropping2D'
  const key = crop ? 'cropping' : 'padding'
  const value = layer.config[key]
  const nested = Array.isArray(value) && Array.isArray(value[0])
  const margins: Margins = nested
    ? (value as [number, number][])
    : pair(layer, key, [crop ? 0 : 1, crop ? 0 : 1]).map((size) => [size, size])
  if (margins.length !== 2 || margins.some(([a, b]) => !(a >= 0 && b >= 0)))
    throw unsupported(layer, `has ${key} = ${JSON.stringify(value)}`)
  padImages(desk, layer, 'constant', crop ? margins.map(([a, b]) => [-a, -b]) : margins)
}

/** Layers that do nothing in inference. */
export const lowerNothing: LayerLowering = () => {}

/** Layers that change the images in training only. */
export const lowerAugmentation: LayerLowering = (desk, layer) => {
  if (desk.training) throw unsupported(layer, 'changes the images in training')
}

/** Noise of training only. */
export const lowerNoise: LayerLowering = (desk, layer) => {
  const strength = ['rate', 'stddev'].some((key) => number(layer, key, 0) !== 0)
  if (desk.training && strength) throw unsupported(layer, 'adds noise in training')
}
