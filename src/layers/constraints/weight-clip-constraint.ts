import { registerConstraint } from '../config/resolve-regularizer.ts'
import * as tf from '../tf.ts'

/** Clips every weight to [-c, c]. */
export class WeightClipConstraint extends tf.Constraint {
  static className = 'WeightClipConstraint'
  readonly c: number

  constructor({ c = 2 }: { c?: number } = {}) {
    super()
    this.c = c
  }

  override apply(w: tf.Tensor): tf.Tensor {
    return tf.clipByValue(w, -this.c, this.c)
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { c: this.c }
  }
}

registerConstraint('WeightClipConstraint', (options) => new WeightClipConstraint(options))
