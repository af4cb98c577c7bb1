import { GroupSort } from '../layers/group-sort.ts'
import { canSortAndPool, type SortedWindowNorm } from '../layers/kernels/sorted-window-norm.ts'
import { ReparametrisedLayer } from '../layers/reparametrised-layer.ts'
import { ScaledL2NormPooling2D } from '../layers/scaled-l2-norm-pooling2d.ts'
import type * as tf from '../layers/tf.ts'

/**
 * A layer that ends by sorting pairs of channels, and L2 pooling after it: the two in one pass over memory, as memory is what they
 * cost. undefined where they are anything else.
 *
 * @param shape of the layer's output
 */
export function sortedPooling(
  layer: tf.layers.Layer,
  next: tf.layers.Layer | undefined,
  shape: tf.Shape,
): SortedWindowNorm | undefined {
  if (!(layer instanceof ReparametrisedLayer && next?.constructor === ScaledL2NormPooling2D)) return undefined
  const { activation } = layer
  const { poolSize, dataFormat, kCoefLip: factor, epsGradSqrt: eps } = next as ScaledL2NormPooling2D
  const window = { height: poolSize[0], width: poolSize[1] }
  const pairs = activation instanceof GroupSort && activation.n === 2 && dataFormat === 'channels_last'
  if (!pairs || shape.length !== 4 || !canSortAndPool(shape, window)) return undefined
  return { ...window, sortFactor: activation.kCoefLip, factor, eps }
}
