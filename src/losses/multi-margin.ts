import * as tf from '../layers/tf.ts'
import { registerLoss } from './create-loss.ts'
import { positives, trueLogit } from './labels.ts'
import { checkNumber, Loss, type LossOptions } from './loss.ts'

/** Mean over all C classes of 1[i != y] relu(m - f_y + f_i). */
export class MultiMargin extends Loss {
  static className = 'MultiMargin'
  minMargin: number

  constructor(options: LossOptions & { minMargin?: number } = {}) {
    super('MultiMargin', options)
    this.minMargin = checkNumber(options.minMargin ?? 1, 'min_margin', this.name, 'nonnegative')
  }

  override getClassName(): string {
    return 'MultiMargin'
  }

  protected override perSample(y: tf.Tensor2D, f: tf.Tensor2D): tf.Tensor1D {
    const target = tf.reshape(trueLogit(y, f), [-1, 1])
    const violations = tf.relu(tf.add(tf.sub(this.minMargin, target), f))
    return tf.mean(tf.mul(violations, tf.sub(1, positives(y))), 1)
  }

  protected override parameters(): Record<string, unknown> {
    return { minMargin: this.minMargin }
  }
}

registerLoss(MultiMargin)
