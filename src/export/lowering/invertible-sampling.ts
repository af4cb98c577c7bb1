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
  restoreOrder(desk, `${layer.name}/order`)
  if (compat && (height !== width || p !== q)) {
    mixUp(desk, layer.name, [height, width, depth], [p, q])
    return
  }
  rearrange(desk, layer.name, [depth, p, q, height, width], [0, 1, 4, 2, 5, 3], [depth, height * p, width * q])
  desk.shape = [height * p, width * q, depth]
}

/**
 * What deel-lip does where height or block are not square: it reads its [w q, h p] image as one of [h p, w q] and returns the
 * transpose. A permutation all the same.
 */
function mixUp(
  desk: Parameters<LayerLowering>[0],
  name: string,
  [height, width, depth]: readonly [number, number, number],
  [p, q]: readonly [number, number],
): void {
  const [rows, columns] = [width * q, height * p]
  // (c, p, q, h, w) -> (c, w, q, h, p), read as [c, h p, w q].
  rearrange(desk, `${name}/mixed`, [depth, p, q, height, width], [0, 1, 5, 3, 4, 2], [depth, columns, rows])
  desk.tensor = desk.node(name, 'Transpose', [desk.tensor], { perm: [0, 1, 3, 2] })
  desk.shape = [rows, columns, depth]
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
