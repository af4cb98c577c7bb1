import { identity } from './channels.ts'
import { number, requireChannelsLast, requireLastAxis, weightOf } from './config.ts'
import type { LayerLowering } from './lowering.ts'
import { scaleAndShift, scaleBy } from './scaling.ts'

/** LayerCentering: each channel less its mean over the pixels, times k, plus a bias a channel. */
export const lowerLayerCentering: LayerLowering = (desk, layer) => {
  requireChannelsLast(layer)
  const { name } = layer
  const channels = desk.shape[desk.shape.length - 1]!
  // One number a channel is its own mean.
  const mean = desk.shape.length > 1 ? desk.node(`${name}/mean`, 'GlobalAveragePool', [desk.tensor]) : desk.tensor
  desk.tensor = desk.node(name, 'Sub', [desk.tensor, mean])
  scaleBy(desk, `${name}/scale`, number(layer, 'k_coef_lip', 1))
  if (layer.config.use_bias === false) return
  const dims = [channels, ...desk.shape.slice(0, -1).map(() => 1)]
  const bias = desk.weight(layer, 'bias', dims, desk.order ?? identity(channels))
  desk.tensor = desk.node(`${name}/shifted`, 'Add', [desk.tensor, bias])
  desk.carried(layer)
}

/**
 * BatchLipNorm and BatchCentering as inference computes them: (x - moving mean) s k + bias, s = 1 / sqrt(largest moving
 * variance), at most 1 with clip_scale.
 */
export const lowerBatchLipNorm: LayerLowering = (desk, layer) => {
  const normalize = layer.className === 'BatchLipNorm' && layer.config.normalize !== false
  const centering = layer.className === 'BatchCentering' || layer.config.centering !== false
  let scale = number(layer, 'k_coef_lip', 1)
  if (normalize) {
    const largest = weightOf(layer, 'moving_variance').data.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
    const deviation = largest < number(layer, 'eps', 1e-5) ? 1 : Math.sqrt(largest)
    scale *= layer.config.clip_scale === false ? 1 / deviation : Math.min(1, 1 / deviation)
  }
  const channels = desk.shape[desk.shape.length - 1]!
  const mean = centering ? weightOf(layer, 'moving_mean').data : new Float32Array(channels)
  const bias = layer.config.use_bias === false ? undefined : weightOf(layer, 'bias').data
  scaleAndShift(
    desk,
    layer,
    Float32Array.of(scale),
    mean.map((value, c) => (bias ? bias[c]! : 0) - value * scale),
  )
}

/** Keras' BatchNormalization in inference: gamma (x - mean) / sqrt(variance + epsilon) + beta. */
export const lowerBatchNormalization: LayerLowering = (desk, layer) => {
  requireLastAxis(desk, layer)
  const mean = weightOf(layer, 'moving_mean').data
  const variance = weightOf(layer, 'moving_variance').data
  const epsilon = number(layer, 'epsilon', 1e-3)
  const gamma = layer.config.scale === false ? undefined : weightOf(layer, 'gamma').data
  const beta = layer.config.center === false ? undefined : weightOf(layer, 'beta').data
  const scale = variance.map((value, c) => (gamma ? gamma[c]! : 1) / Math.sqrt(value + epsilon))
  scaleAndShift(
    desk,
    layer,
    scale,
    mean.map((value, c) => (beta ? beta[c]! : 0) - value * scale[c]!),
  )
}
