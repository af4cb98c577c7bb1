import * as tf from '../layers/tf.ts'
import { registerLoss } from './create-loss.ts'
import { largestOther, trueLogit } from './labels.ts'
import { checkNumber, Loss, type LossOptions } from './loss.ts'

/** relu(m - (f_y - max_{i != y} f_i)). */
export class CategoricalHinge extends Loss {
  static className = 'CategoricalHinge'
  minMargin: number

  constructor(options: LossOptions & { minMargin?: number } = {}) {
    super('CategoricalHinge', options)
    this.minMargin = checkNumber(options.minMargin ?? 1, 'min_margin', this.name, 'nonnegative')
  }

  override getClassName(): string {
    return 'CategoricalHinge'
  }

  protected override perSample(y: tf.Tensor2D, f: tf.Tensor2D): tf.Tensor1D {
    return tf.relu(tf.sub(this.minMargin, tf.sub(trueLogit(y, f), largestOther(y, f))))
  }

  protected override parameters(): Record<string, unknown> {
    return { minMargin: this.minMargin }
  }
}

registerLoss(CategoricalHinge)
