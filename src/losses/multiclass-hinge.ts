import type * as tf from '../layers/tf.ts'
import { registerLoss } from './create-loss.ts'
import { hingeThreshold, type LossCompat, multiclassHingePerSample } from './formulas.ts'
import type { MarginOptions } from './hinge-margin.ts'
import { checkNumber, Loss } from './loss.ts'

/** mean_c relu(m / 2 - s f), the true class counted C - 1 times. */
export class MulticlassHinge extends Loss {
  static className = 'MulticlassHinge'
  minMargin: number
  readonly compat: LossCompat

  constructor(options: MarginOptions = {}) {
    super('MulticlassHinge', options)
    this.minMargin = checkNumber(options.minMargin ?? 1, 'min_margin', this.name, 'nonnegative')
    this.compat = options.compat ?? null
  }

  override getClassName(): string {
    return 'MulticlassHinge'
  }

  protected override perSample(y: tf.Tensor2D, f: tf.Tensor2D): tf.Tensor1D {
    return multiclassHingePerSample(y, f, hingeThreshold(this.minMargin, this.compat))
  }

  protected override parameters(): Record<string, unknown> {
    return { minMargin: this.minMargin, ...(this.compat && { compat: this.compat }) }
  }
}

registerLoss(MulticlassHinge)
