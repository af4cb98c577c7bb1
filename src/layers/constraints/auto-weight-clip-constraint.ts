import { registerConstraint } from '../config/resolve-regularizer.ts'
import * as tf from '../tf.ts'

/** Clips every weight to 1 / (sqrt(size) scale): the Frobenius norm is at most 1 / scale. */
export class AutoWeightClipConstraint extends tf.Constraint {
  static className = 'AutoWeightClipConstraint'
  readonly scale: number

  constructor({ scale = 1 }: { scale?: number } = {}) {
    super()
    this.scale = scale
  }

  override apply(w: tf.Tensor): tf.Tensor {
    const c = 1 / (Math.sqrt(w.size) * this.scale)
    return tf.clipByValue(w, -c, c)
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { scale: this.scale }
  }
}

registerConstraint('AutoWeightClipConstraint', (options) => new AutoWeightClipConstraint(options))
