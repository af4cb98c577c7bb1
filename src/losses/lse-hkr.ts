import * as tf from '../layers/tf.ts'
import { registerLoss } from './create-loss.ts'
import { largestOther, trueLogit } from './labels.ts'
import { checkNumber, Loss, type LossOptions } from './loss.ts'

export interface LseHKROptions extends LossOptions {
  /** In [0, 1]; a larger value a stands for a / (1 + a), as in deel-torchlip. */
  alpha?: number
  temperature?: number
  penalty?: number
  minMargin?: number
}

/**
 * deel-torchlip's LseHKRMulticlassLoss: the largest other logit smoothed by a log-sum-exp L, never below it and at most
 * m penalty / 2 above: (1 - a) (L - f_y) + a (relu(m / 2 - f_y) + relu(m / 2 + L)).
 */
export class LseHKR extends Loss {
  static className = 'LseHKR'
  alpha: number
  readonly temperature: number
  readonly penalty: number
  readonly minMargin: number

  constructor(options: LseHKROptions = {}) {
    super('LseHKR', options)
    const alpha = checkNumber(options.alpha ?? 1, 'alpha', this.name, 'nonnegative')
    this.alpha = alpha > 1 ? (alpha === Number.POSITIVE_INFINITY ? 1 : alpha / (1 + alpha)) : alpha
    this.temperature = checkNumber(options.temperature ?? 1, 'temperature', this.name)
    this.penalty = checkNumber(options.penalty ?? 1, 'penalty', this.name)
    this.minMargin = checkNumber(options.minMargin ?? 1, 'min_margin', this.name)
  }

  override getClassName(): string {
    return 'LseHKR'
  }

  protected override perSample(y: tf.Tensor2D, logits: tf.Tensor2D): tf.Tensor1D {
    const f = tf.mul(logits, this.temperature) as tf.Tensor2D
    const target = trueLogit(y, f)
    const other = this.smoothMaximum(y, f)
    const half = this.minMargin / 2
    const kr = tf.sub(other, target)
    const hinge = tf.add(tf.relu(tf.sub(half, target)), tf.relu(tf.add(half, other)))
    return tf.add(tf.mul(kr, 1 - this.alpha), tf.mul(hinge, this.alpha))
  }

  private smoothMaximum(y: tf.Tensor2D, f: tf.Tensor2D): tf.Tensor1D {
    const others = f.shape[1] - 1
    // One other class: the maximum is that logit, and t would be log(1) = 0.
    if (others < 2) return largestOther(y, f)
    const t = Math.log(others) / ((this.minMargin * this.penalty) / 2)
    const masked = tf.where(tf.greater(y, 0), tf.fill(f.shape, -1e38), tf.mul(f, t))
    return tf.div(tf.logSumExp(masked, 1), t)
  }

  protected override parameters(): Record<string, unknown> {
    const { alpha, temperature, penalty, minMargin } = this
    return { alpha, temperature, penalty, minMargin }
  }
}

registerLoss(LseHKR)
