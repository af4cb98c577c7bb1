import type * as tf from '../layers/tf.ts'
import { registerLoss } from './create-loss.ts'
import { hingePerSample, hingeThreshold, type LossCompat } from './formulas.ts'
import { checkNumber, Loss, type LossOptions } from './loss.ts'

export interface MarginOptions extends LossOptions {
  minMargin?: number
  compat?: LossCompat
}

/** mean_c relu(m / 2 - s f) with s = +-1 the sign of the label. */
export class HingeMargin extends Loss {
  static className = 'HingeMargin'
  minMargin: number
  readonly compat: LossCompat

  constructor(options: MarginOptions = {}) {
    super('HingeMargin', options)
    this.minMargin = checkNumber(options.minMargin ?? 1, 'min_margin', this.name, 'nonnegative')
    this.compat = options.compat ?? null
  }

  override getClassName(): string {
    return 'HingeMargin'
  }

  protected override perSample(y: tf.Tensor2D, f: tf.Tensor2D): tf.Tensor1D {
    return hingePerSample(y, f, hingeThreshold(this.minMargin, this.compat))
  }

  protected override parameters(): Record<string, unknown> {
    return { minMargin: this.minMargin, ...(this.compat && { compat: this.compat }) }
  }
}

registerLoss(HingeMargin)
