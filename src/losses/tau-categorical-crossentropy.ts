import * as tf from '../layers/tf.ts'
import { registerLoss } from './create-loss.ts'
import { TauCrossentropy, type TauOptions } from './tau-crossentropy.ts'

/** CE(softmax(tau f)) / tau with one-hot labels. */
export class TauCategoricalCrossentropy extends TauCrossentropy {
  static className = 'TauCategoricalCrossentropy'

  constructor(options: TauOptions) {
    super('TauCategoricalCrossentropy', options)
  }

  override getClassName(): string {
    return 'TauCategoricalCrossentropy'
  }

  protected override perSample(y: tf.Tensor2D, f: tf.Tensor2D): tf.Tensor1D {
    const likelihoods = tf.logSoftmax(tf.mul(f, this.tau))
    return tf.div(tf.neg(tf.sum(tf.mul(y, likelihoods), 1)), this.tau)
  }
}

registerLoss(TauCategoricalCrossentropy)
