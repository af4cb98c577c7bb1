import * as tf from '../tf.ts'

/** x / sqrt(max(sum x^2, 1e-12)) over all elements, as TensorFlow's l2_normalize. */
export function l2Normalize<T extends tf.Tensor>(x: T): T {
  return tf.div(x, tf.sqrt(tf.maximum(tf.sum(tf.square(x)), 1e-12))) as T
}
