import type * as tf from '../layers/tf.ts'
import { registerLoss } from './create-loss.ts'
import { multiclassHingePerSample } from './formulas.ts'
import { HKR, type HKROptions } from './hkr.ts'

/** -MulticlassKR + alpha MulticlassHinge; the loss of the seed's demo 4 (alpha 100, m .5 in today's formula). */
export class MulticlassHKR extends HKR {
  static override className = 'MulticlassHKR'

  constructor(options: HKROptions = {}) {
    super(options, 'MulticlassHKR', 10)
  }

  override getClassName(): string {
    return 'MulticlassHKR'
  }

  protected override hinge(y: tf.Tensor2D, f: tf.Tensor2D, threshold: number): tf.Tensor1D {
    return multiclassHingePerSample(y, f, threshold)
  }
}

registerLoss(MulticlassHKR)
