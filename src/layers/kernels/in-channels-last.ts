import type { DataFormat } from '../conv-options.ts'
import * as tf from '../tf.ts'

/** Runs an NHWC function on an NCHW tensor by transposing there and back; CPU backends have no other way. */
export function inChannelsLast(x: tf.Tensor, format: DataFormat, run: (x: tf.Tensor4D) => tf.Tensor4D): tf.Tensor4D {
  if (format === 'channels_last') return run(x as tf.Tensor4D)
  return tf.transpose(run(tf.transpose(x as tf.Tensor4D, [0, 2, 3, 1])), [0, 3, 1, 2])
}
