import * as tf from '../layers/tf.ts'
import { registerLoss } from './create-loss.ts'
import { hingePerSample, hingeThreshold, krMultiGpuPerSample, krPerSample, type LossCompat } from './formulas.ts'
import { checkNumber, Loss, type LossOptions } from './loss.ts'

export interface HKROptions extends LossOptions {
  /** Weight of the hinge; Infinity leaves the hinge alone, 0 the Kantorovich-Rubinstein term. */
  alpha?: number
  minMargin?: number
  multiGpu?: boolean
  compat?: LossCompat
}

/** -KR + alpha hinge (Serrurier et al. 2021, arXiv:2006.06520). */
export class HKR extends Loss {
  static className = 'HKR'
  alpha: number
  minMargin: number
  readonly multiGpu: boolean
  readonly compat: LossCompat

  constructor(options: HKROptions = {}, defaultName = 'HKR', defaultAlpha = Number.NaN) {
    super(defaultName, options)
    this.alpha = checkNumber(options.alpha ?? defaultAlpha, 'alpha', this.name, 'nonnegative')
    this.minMargin = checkNumber(options.minMargin ?? 1, 'min_margin', this.name, 'nonnegative')
    this.multiGpu = options.multiGpu ?? false
    this.compat = options.compat ?? null
  }

  override getClassName(): string {
    return 'HKR'
  }

  protected hinge(y: tf.Tensor2D, f: tf.Tensor2D, threshold: number): tf.Tensor1D {
    return hingePerSample(y, f, threshold)
  }

  protected override perSample(y: tf.Tensor2D, f: tf.Tensor2D): tf.Tensor1D {
    const hinge = this.hinge(y, f, hingeThreshold(this.minMargin, this.compat))
    if (this.alpha === Number.POSITIVE_INFINITY) return hinge
    const kr = this.multiGpu ? krMultiGpuPerSample(y, f) : krPerSample(y, f)
    return this.alpha === 0 ? tf.neg(kr) : tf.sub(tf.mul(hinge, this.alpha), kr)
  }

  protected override parameters(): Record<string, unknown> {
    return {
      alpha: this.alpha,
      minMargin: this.minMargin,
      multiGpu: this.multiGpu,
      ...(this.compat && { compat: this.compat }),
    }
  }
}

registerLoss(HKR)
