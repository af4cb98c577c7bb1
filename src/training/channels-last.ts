import * as tf from '../layers/tf.ts'

/** `[n, c, h, w]` as stored to `[n, h, w, c]`; the same bytes for one channel. */
export function toChannelsLast(images: Float32Array, n: number, inputShape: readonly number[]): tf.Tensor {
  if (inputShape.length !== 3) return tf.tensor(images, [n, ...inputShape])
  const [height, width, channels] = inputShape as readonly [number, number, number]
  if (channels === 1) return tf.tensor4d(images, [n, height, width, 1])
  return tf.transpose(tf.tensor4d(images, [n, channels, height, width]), [0, 2, 3, 1])
}
