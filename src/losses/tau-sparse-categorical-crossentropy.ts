import { LipError } from '../errors.ts'
import * as tf from '../layers/tf.ts'
import { registerLoss } from './create-loss.ts'
import { TauCrossentropy, type TauOptions } from './tau-crossentropy.ts'

/** CE(softmax(tau f)) / tau with integer labels [batch]. */
export class TauSparseCategoricalCrossentropy extends TauCrossentropy {
  static className = 'TauSparseCategoricalCrossentropy'

  constructor(options: TauOptions) {
    super('TauSparseCategoricalCrossentropy', options)
  }

  override getClassName(): string {
    return 'TauSparseCategoricalCrossentropy'
  }

  protected override prepareLabels(yTrue: tf.Tensor, logits: tf.Tensor2D): tf.Tensor2D {
    if (yTrue.size !== logits.shape[0]) {
      throw new LipError(
        'DATA_INVALID',
        `Loss "${this.name}": ${yTrue.size} integer labels do not fit predictions of shape [${logits.shape}].`,
      )
    }
    const indices = tf.cast(tf.reshape(yTrue, [-1]), 'int32') as tf.Tensor1D
    return tf.cast(tf.oneHot(indices, logits.shape[1]), 'float32') as tf.Tensor2D
  }

  protected override perSample(y: tf.Tensor2D, f: tf.Tensor2D): tf.Tensor1D {
    const likelihoods = tf.logSoftmax(tf.mul(f, this.tau))
    return tf.div(tf.neg(tf.sum(tf.mul(y, likelihoods), 1)), this.tau)
  }
}

registerLoss(TauSparseCategoricalCrossentropy)
