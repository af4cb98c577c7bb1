import { restoreOrder } from './channels.ts'
import { pair, requireChannelsLast, spatialShape, unsupported } from './config.ts'
import type { LayerLowering } from './lowering.ts'

/**
 * InvertibleDownSampling: blocks of p x q pixels become channels c p q + a q + d, as PyTorch's PixelUnshuffle. Reshape,
 * Transpose, Reshape: ONNX's SpaceToDepth puts the channel last and knows square blocks only.
 */
export const lowerInvertibleDownSampling: LayerLowering = (desk, layer) => {
  requireChannelsLast(layer)
  const [height, width, channels] = spatialShape(desk.shape, layer)
  const [p, q] = pair(layer, 'pool_size', [1, 1])
  if (height % p !== 0 || width % q !== 0)
    throw unsupported(layer, `divides an image of ${height}x${width} into blocks of ${p}x${q}`)
  const [h, w, block] = [height / p, width / q, p * q]
  rearrange(desk, layer.name, [channels, h, p, w, q], [0, 1, 3, 5, 2, 4], [channels * block, h, w])
  const { order } = desk
  // A channel's block of new channels goes where the channel stands.
  if (order)
    desk.order = Int32Array.from(
      { length: channels * block },
      (_, j) => order[Math.floor(j / block)]! * block + (j % block),
    )
  desk.shape = [h, w, channels * block]
}

/** InvertibleUpSampling, the inverse. */
export const lowerInvertibleUpSampling: LayerLowering = (desk, layer) => {
  requireChannelsLast(layer)
  const [height, width, channels] = spatialShape(desk.shape, layer)
  const [p, q] = pair(layer, 'pool_size', [1, 1])
  const depth = channels / (p * q)
  if (!Number.isInteger(depth)) throw unsupported(layer, `makes blocks of ${p}x${q} of ${channels} channels`)
  const compat = layer.config.compat !== undefined && layer.config.compat !== null
  if (compat && (height !== width || p !== q)) throw unsupported(layer, 'mixes up height and width as deel-lip does')
  restoreOrder(desk, `${layer.name}/order`)
  rearrange(desk, layer.name, [depth, p, q, height, width], [0, 1, 4, 2, 5, 3], [depth, height * p, width * q])
  desk.shape = [height * p, width * q, depth]
}

function rearrange(
  desk: Parameters<LayerLowering>[0],
  name: string,
  split: readonly number[],
  perm: readonly number[],
  result: readonly number[],
): void {
  const blocks = desk.node(`${name}/blocks`, 'Reshape', [
    desk.tensor,
    desk.indices(`${name}/blocks/shape`, [0, ...split]),
  ])
  const moved = desk.node(`${name}/moved`, 'Transpose', [blocks], { perm })
  desk.tensor = desk.node(name, 'Reshape', [moved, desk.indices(`${name}/shape`, [0, ...result])])
  desk.produced(undefined)
}
