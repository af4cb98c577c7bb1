import * as tf from '../layers/tf.ts'
import { registerLoss } from './create-loss.ts'
import { positives } from './labels.ts'
import { TauCrossentropy, type TauOptions } from './tau-crossentropy.ts'

/** Mean over the last axis of BCE(sigmoid(tau f), 1[y > 0]) / tau. */
export class TauBinaryCrossentropy extends TauCrossentropy {
  static className = 'TauBinaryCrossentropy'

  constructor(options: TauOptions) {
    super('TauBinaryCrossentropy', options)
  }

  override getClassName(): string {
    return 'TauBinaryCrossentropy'
  }

  protected override perSample(y: tf.Tensor2D, f: tf.Tensor2D): tf.Tensor1D {
    const z = tf.mul(f, this.tau)
    // BCE = softplus(z) - y z, with softplus(z) = relu(z) + log(1 + exp(-|z|)) stable for large |z|.
    const softplus = tf.add(tf.relu(z), tf.log1p(tf.exp(tf.neg(tf.abs(z)))))
    return tf.div(tf.mean(tf.sub(softplus, tf.mul(positives(y), z)), 1), this.tau)
  }
}

registerLoss(TauBinaryCrossentropy)
