import * as tf from '../layers/tf.ts'

/** 1 where y > 0, else 0: {0, 1} and {-1, 1} are the same. */
export function positives(y: tf.Tensor2D): tf.Tensor2D {
  return tf.cast(tf.greater(y, 0), 'float32')
}

/** +1 where y > 0, else -1. */
export function signs(y: tf.Tensor2D): tf.Tensor2D {
  return tf.sub(tf.mul(positives(y), 2), 1)
}

/** Logit of the true class, [batch]. */
export function trueLogit(y: tf.Tensor2D, logits: tf.Tensor2D): tf.Tensor1D {
  return tf.sum(tf.mul(positives(y), logits), 1)
}

/** Largest logit of the other classes, [batch]. */
export function largestOther(y: tf.Tensor2D, logits: tf.Tensor2D): tf.Tensor1D {
  return tf.max(tf.where(tf.greater(y, 0), tf.fill(logits.shape, -1e38), logits), 1)
}

/**
 * deel-lip's labels for a batch that is split over several devices: B (y / (n + 1e-7) - (1 - y) / (B - n + 1e-7)) with the
 * counts n of the *whole* batch; KR with `multiGpu` is then a plain mean of f y.
 */
export function processLabelsForMultiGpu(yTrue: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const y = tf.cast(tf.greater(yTrue, 0), 'float32')
    const batch = y.shape[0]!
    const count = tf.sum(y, 0, true)
    return tf.mul(
      tf.sub(tf.div(y, tf.add(count, 1e-7)), tf.div(tf.sub(1, y), tf.add(tf.sub(batch, count), 1e-7))),
      batch,
    )
  })
}
