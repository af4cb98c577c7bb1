import { lowerActivation } from './activation.ts'
import { identity, reorderChannels } from './channels.ts'
import { number, pair, requireChannelsLast, unsupported } from './config.ts'
import type { LayerLowering } from './lowering.ts'

/**
 * SpectralConv2D, FrobeniusConv2D and Conv2D as one Conv: kernel HWIO -> OIHW, TensorFlow's padding written out.
 * TensorFlow's 'same': out = ceil(n / s), total = max((out - 1) s + k - n, 0), the smaller half first.
 */
export const lowerConv2D: LayerLowering = (desk, layer) => {
  requireChannelsLast(layer)
  const [height, width, channels] = spatialShape(desk.shape, layer)
  const [kh, kw] = pair(layer, 'kernel_size', [1, 1])
  const [sh, sw] = pair(layer, 'strides', [1, 1])
  const [dh, dw] = pair(layer, 'dilation_rate', [1, 1])
  const groups = number(layer, 'groups', 1)
  const filters = number(layer, 'filters', 0)
  const padding = String(layer.config.padding ?? 'valid').toLowerCase()
  if (padding !== 'same' && padding !== 'valid') throw unsupported(layer, `has padding = ${padding}`)

  const [outH, padTop, padBottom] = axis(height, dh * (kh - 1) + 1, sh, padding)
  const [outW, padLeft, padRight] = axis(width, dw * (kw - 1) + 1, sw, padding)

  if (groups > 1) reorderChannels(desk, desk.producer, `${layer.name}/order`, identity(channels))
  const perGroup = channels / groups
  const order = new Int32Array(filters * perGroup * kh * kw)
  let at = 0
  for (let o = 0; o < filters; o++)
    for (let i = 0; i < perGroup; i++)
      for (let y = 0; y < kh; y++)
        for (let x = 0; x < kw; x++) {
          // With groups the input order must be the layer's own: restored above.
          const input = desk.order && groups === 1 ? desk.order[i]! : i
          order[at++] = ((y * kw + x) * perGroup + input) * filters + o
        }

  const inputs = [desk.tensor, desk.weight(layer, 'kernel', [filters, perGroup, kh, kw], order)]
  if (layer.config.use_bias !== false) {
    inputs.push(desk.weight(layer, 'bias', [filters], identity(filters)))
  }
  desk.tensor = desk.node(layer.name, 'Conv', inputs, {
    kernel_shape: [kh, kw],
    strides: [sh, sw],
    dilations: [dh, dw],
    group: groups,
    pads: [padTop, padLeft, padBottom, padRight],
  })
  desk.claim(layer.name, { limit: number(layer, 'k_coef_lip', 1), of: 'norm' })
  desk.shape = [outH, outW, filters]
  desk.order = undefined
  desk.produced(layer)
  lowerActivation(desk, layer)
}

/** [output size, pad before, pad after] of one axis; `k` is the dilated kernel size. */
function axis(n: number, k: number, s: number, padding: 'same' | 'valid'): readonly [number, number, number] {
  if (padding === 'valid') return [Math.floor((n - k) / s) + 1, 0, 0]
  const out = Math.ceil(n / s)
  const total = Math.max((out - 1) * s + k - n, 0)
  return [out, Math.floor(total / 2), total - Math.floor(total / 2)]
}

export function spatialShape(
  shape: readonly number[],
  layer: { name: string; className: string },
): [number, number, number] {
  if (shape.length !== 3) {
    throw unsupported({ ...layer, config: {}, weights: {} }, `needs images but is given shape [${shape.join(', ')}]`)
  }
  return [shape[0]!, shape[1]!, shape[2]!]
}
