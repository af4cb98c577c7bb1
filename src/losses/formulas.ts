import * as tf from '../layers/tf.ts'
import { positives, signs } from './labels.ts'

/**
 * Kantorovich-Rubinstein estimate per sample: B f_ic w_ic, averaged over classes, with w = 1 / (n_c + 1e-7) for samples of the
 * class and -1 / (B - n_c + 1e-7) for the others. Its batch mean is mean_c(mean_{y=c} f_c - mean_{y!=c} f_c); a class that is
 * absent contributes -mean f_c. Positive labels are those > 0 (deel-lip tests y == 1 here and y > 0 everywhere else).
 */
export function krPerSample(y: tf.Tensor2D, f: tf.Tensor2D): tf.Tensor1D {
  const batch = f.shape[0]
  const positive = positives(y)
  const count = tf.sum(positive, 0, true)
  const weights = tf.sub(
    tf.div(positive, tf.add(count, 1e-7)),
    tf.div(tf.sub(1, positive), tf.add(tf.sub(batch, count), 1e-7)),
  )
  return tf.mul(tf.mean(tf.mul(f, weights), 1), batch)
}

/** The same with labels from `processLabelsForMultiGpu`. */
export function krMultiGpuPerSample(y: tf.Tensor2D, f: tf.Tensor2D): tf.Tensor1D {
  return tf.mean(tf.mul(f, y), 1)
}

/** mean_c relu(threshold - s f). */
export function hingePerSample(y: tf.Tensor2D, f: tf.Tensor2D, threshold: number): tf.Tensor1D {
  return tf.mean(tf.relu(tf.sub(threshold, tf.mul(signs(y), f))), 1)
}

/** mean_c relu(threshold - s f), the true class counted C - 1 times. */
export function multiclassHingePerSample(y: tf.Tensor2D, f: tf.Tensor2D, threshold: number): tf.Tensor1D {
  const weights = tf.add(tf.mul(positives(y), f.shape[1] - 2), 1)
  return tf.mean(tf.mul(tf.relu(tf.sub(threshold, tf.mul(signs(y), f))), weights), 1)
}

/** Version 1.2.0 measured the hinge from m, later ones from m / 2. */
export type LossCompat = 'deel-lip-1.2' | null

export function hingeThreshold(minMargin: number, compat: LossCompat): number {
  return compat === 'deel-lip-1.2' ? minMargin : minMargin / 2
}
