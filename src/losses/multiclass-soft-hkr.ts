import * as tf from '../layers/tf.ts'
import { registerLoss } from './create-loss.ts'
import { positives, signs } from './labels.ts'
import { checkNumber, Loss, type LossOptions } from './loss.ts'

export interface MulticlassSoftHKROptions extends LossOptions {
  alpha?: number
  minMargin?: number
  alphaMean?: number
  temperature?: number
}

/**
 * HKR whose negative classes are weighted by a softmax F (arXiv:2206.06854): per sample
 * (1 / alpha) sum_c -s f F + sum_c relu(m / 2 - s f) F, with F = softmax over the other classes of t f, and 1 for the true one.
 * t = clip(temperature m / mean|f|, .005, 250) follows a running mean of |f|, which only training calls move (deel-lip's
 * moves in evaluation too).
 */
export class MulticlassSoftHKR extends Loss {
  static className = 'MulticlassSoftHKR'
  alpha: number
  readonly minMargin: number
  readonly alphaMean: number
  readonly temperature: number
  /** Running mean of |f|; part of a checkpoint. */
  currentMean: number

  constructor(options: MulticlassSoftHKROptions = {}) {
    super('MulticlassSoftHKR', options)
    this.alpha = checkNumber(options.alpha ?? 10, 'alpha', this.name)
    this.minMargin = checkNumber(options.minMargin ?? 1, 'min_margin', this.name)
    this.alphaMean = options.alphaMean ?? 0.99
    this.temperature = checkNumber(options.temperature ?? 1, 'temperature', this.name)
    this.currentMean = this.minMargin
  }

  override getClassName(): string {
    return 'MulticlassSoftHKR'
  }

  override evaluate(yTrue: tf.Tensor, yPred: tf.Tensor): tf.Tensor {
    const { currentMean } = this
    const result = this.apply(yTrue, yPred)
    this.currentMean = currentMean
    return result
  }

  protected override perSample(y: tf.Tensor2D, f: tf.Tensor2D): tf.Tensor1D {
    const t = this.updateTemperature(f)
    const positive = positives(y)
    const others = tf.where(tf.greater(y, 0), tf.fill(f.shape, -1e38), tf.mul(f, t))
    const weights = tf.add(tf.mul(tf.softmax(others), tf.sub(1, positive)), positive)
    const signed = tf.mul(signs(y), f)
    const hinge = tf.sum(tf.mul(tf.relu(tf.sub(this.minMargin / 2, signed)), weights), 1)
    if (this.alpha === Number.POSITIVE_INFINITY) return hinge as tf.Tensor1D
    const kr = tf.sum(tf.mul(signed, weights), 1)
    return tf.sub(hinge, tf.div(kr, this.alpha))
  }

  private updateTemperature(f: tf.Tensor2D): number {
    const mean = tf.mean(tf.abs(f)).dataSync()[0]!
    this.currentMean = this.alphaMean * this.currentMean + (1 - this.alphaMean) * mean
    const scale = Math.min(Math.max(this.currentMean, this.minMargin), 20000)
    return Math.min(Math.max((this.temperature * this.minMargin) / scale, 0.005), 250)
  }

  protected override parameters(): Record<string, unknown> {
    const { alpha, minMargin, alphaMean, temperature } = this
    return { alpha, minMargin, alphaMean, temperature }
  }
}

registerLoss(MulticlassSoftHKR)
