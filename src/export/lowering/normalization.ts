import { restoreOrder } from './channels.ts'
import { number, requireLastAxis, unsupported, weightOf } from './config.ts'
import type { LayerLowering } from './lowering.ts'
import { scaleAndShift } from './scaling.ts'

/** Keras' own smallest divisor in Normalization. */
const SMALLEST = 1e-7

/** Normalization: (x - mean) / max(sqrt(variance), 1e-7) with statistics of the training data, given or adapted. */
export const lowerNormalization: LayerLowering = (desk, layer) => {
  const { axis, invert } = layer.config
  if (axis !== null) requireLastAxis(desk, layer)
  if (invert === true) throw unsupported(layer, 'has invert = true')
  const mean = statistic(layer, 'mean')
  const deviation = statistic(layer, 'variance').map((value) => Math.max(Math.sqrt(value), SMALLEST))
  const channels = desk.shape[desk.shape.length - 1]!
  if (deviation.length !== mean.length || (mean.length !== 1 && mean.length !== channels))
    throw unsupported(layer, `has ${mean.length} means and ${deviation.length} variances for ${channels} channels`)
  const spread = (values: readonly number[]) =>
    Float32Array.from({ length: channels }, (_, c) => values[c % values.length]!)
  scaleAndShift(
    desk,
    layer,
    spread(deviation.map((value) => 1 / value)),
    spread(mean.map((value, c) => -value / deviation[c]!)),
  )
}

/** Given in the configuration, or learned by `adapt` and kept among the weights. */
function statistic(layer: Parameters<LayerLowering>[1], role: string): number[] {
  const given = layer.config[role] ?? null
  const values = given === null ? [...weightOf(layer, role).data] : [given].flat(5)
  if (!values.every((value): value is number => typeof value === 'number'))
    throw unsupported(layer, `has ${role} = ${JSON.stringify(given)}`)
  return values
}

/** LayerNormalization over the channels: gamma (x - mean) / sqrt(variance + epsilon) + beta of each pixel by itself. */
export const lowerLayerNormalization: LayerLowering = (desk, layer) => {
  requireLastAxis(desk, layer)
  if (layer.config.rms_scaling === true) throw unsupported(layer, 'has rms_scaling = true')
  restoreOrder(desk, `${layer.name}/order`)
  const { name } = layer
  const channels = desk.shape[desk.shape.length - 1]!
  const rank = desk.shape.length + 1
  const parameter = (role: string, used: unknown, otherwise: number): string =>
    desk.constant(`${name}/${role}`, used === false ? new Array(channels).fill(otherwise) : weightOf(layer, role).data)
  if (desk.training) throw unsupported(layer, 'is not one of the layers that are trained here')
  const axes = Array.from({ length: rank }, (_, axis) => axis)
  const last =
    rank === 2 ? desk.tensor : desk.node(`${name}/last`, 'Transpose', [desk.tensor], { perm: [0, ...axes.slice(2), 1] })
  const parameters = [parameter('gamma', layer.config.scale, 1), parameter('beta', layer.config.center, 0)]
  const epsilon = number(layer, 'epsilon', 1e-3)
  const normal = desk.node(name, 'LayerNormalization', [last, ...parameters], {
    axis: rank - 1,
    epsilon: { float: epsilon },
  })
  desk.tensor =
    rank === 2
      ? normal
      : desk.node(`${name}/first`, 'Transpose', [normal], { perm: [0, rank - 1, ...axes.slice(1, -1)] })
  desk.produced(undefined)
}
