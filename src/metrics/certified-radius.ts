import * as tf from '../layers/tf.ts'
import { largestOther, trueLogit } from '../losses/labels.ts'
import { asMatrix } from '../losses/loss.ts'

export interface CategoricalRadiusOptions {
  /** Lipschitz constant of every logit (disjoint neurons), of the logit vector, or, with `pairNorms`, of the network's body. */
  lipConst?: number
  /** true (default): each logit is lipConst-Lipschitz, differences of two up to 2 lipConst; false: sqrt(2) lipConst. */
  disjointNeurons?: boolean
  /**
   * ||w_i - w_j|| of the linear head's columns, [classes][classes]: the difference of two logits is then Lipschitz with exactly
   * lipConst times that, up to sqrt(2) smaller than deel-lip's divisor.
   */
  pairNorms?: readonly (readonly number[])[] | null
}

/** L2 radius inside which the prediction cannot change, per sample; negative for a misclassified one. */
export function categoricalRadius(yTrue: tf.Tensor, yPred: tf.Tensor, options: CategoricalRadiusOptions): tf.Tensor1D {
  const { lipConst = 1, disjointNeurons = true, pairNorms } = options
  const y = asMatrix(tf.cast(yTrue, 'float32'))
  const f = asMatrix(tf.cast(yPred, 'float32'))
  if (pairNorms) {
    const margins = tf.sub(tf.reshape(trueLogit(y, f), [-1, 1]), f)
    const positive = tf.cast(tf.greater(y, 0), 'float32') as tf.Tensor2D
    const norms = tf.mul(tf.matMul(positive, tf.tensor2d(pairNorms.map((row) => [...row]))), lipConst)
    // Two equal columns differ by their biases at every input: infinite radius or none, by the sign of the margin.
    const radii = tf.div(margins, tf.maximum(norms, 1e-30))
    return tf.min(tf.where(tf.greater(y, 0), tf.fill(f.shape, 1e38), radii), 1)
  }
  return tf.div(tf.sub(trueLogit(y, f), largestOther(y, f)), (disjointNeurons ? 2 : Math.SQRT2) * lipConst)
}

/** Binary: sign(y - 1e-3) f / L, so that labels 0 and -1 are both negative. */
export function binaryRadius(yTrue: tf.Tensor, yPred: tf.Tensor, lipConst: number): tf.Tensor1D {
  const sign = tf.sign(tf.sub(tf.cast(tf.reshape(yTrue, [-1]), 'float32'), 1e-3))
  return tf.div(tf.mul(sign, tf.reshape(tf.cast(yPred, 'float32'), [-1])), lipConst) as tf.Tensor1D
}

/** ||w_i - w_j|| for all pairs of columns of a [features, classes] kernel. */
export function pairNorms(kernel: tf.Tensor2D): number[][] {
  const [features, classes] = kernel.shape
  const w = kernel.dataSync()
  const distance = (i: number, j: number): number => {
    let sum = 0
    for (let k = 0; k < features; k++) sum += (w[k * classes + i]! - w[k * classes + j]!) ** 2
    return Math.sqrt(sum)
  }
  return Array.from({ length: classes }, (_, i) => Array.from({ length: classes }, (_, j) => distance(i, j)))
}
