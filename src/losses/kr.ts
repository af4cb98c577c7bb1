import type * as tf from '../layers/tf.ts'
import { registerLoss } from './create-loss.ts'
import { krMultiGpuPerSample, krPerSample } from './formulas.ts'
import { Loss, type LossOptions } from './loss.ts'

export interface KROptions extends LossOptions {
  /** Labels come from `processLabelsForMultiGpu`. */
  multiGpu?: boolean
}

/** Kantorovich-Rubinstein dual estimate; larger is better (a quantity to maximise, and a metric). */
export class KR extends Loss {
  static className = 'KR'
  readonly multiGpu: boolean

  constructor(options: KROptions = {}, defaultName = 'KR') {
    super(defaultName, options)
    this.multiGpu = options.multiGpu ?? false
  }

  override getClassName(): string {
    return 'KR'
  }

  protected override perSample(y: tf.Tensor2D, f: tf.Tensor2D): tf.Tensor1D {
    return this.multiGpu ? krMultiGpuPerSample(y, f) : krPerSample(y, f)
  }

  protected override parameters(): Record<string, unknown> {
    return { multiGpu: this.multiGpu }
  }
}

registerLoss(KR)
