import { registerConstraint } from '../config/resolve-regularizer.ts'
import * as tf from '../tf.ts'

/** w / (||w||_F + eps). */
export class FrobeniusConstraint extends tf.Constraint {
  static className = 'FrobeniusConstraint'
  readonly eps: number

  constructor({ eps = 1e-7 }: { eps?: number } = {}) {
    super()
    this.eps = eps
  }

  override apply(w: tf.Tensor): tf.Tensor {
    return tf.tidy(() => tf.div(w, tf.add(tf.sqrt(tf.sum(tf.square(w))), this.eps)))
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { eps: this.eps }
  }
}

registerConstraint('FrobeniusConstraint', (options) => new FrobeniusConstraint(options))
