import * as tf from '../layers/tf.ts'
import { binaryRadius } from './certified-radius.ts'
import { ProvableMetric, registerMetric } from './provable-metric.ts'

/** Mean certified radius of one logit; misclassified samples count 0, or their negative margin with `negativeRobustness`. */
export class BinaryProvableAvgRobustness extends ProvableMetric {
  static className = 'BinaryProvableAvgRobustness'
  readonly name: string
  readonly lipConst: number
  readonly negativeRobustness: boolean

  constructor(options: { lipConst?: number; negativeRobustness?: boolean; name?: string } = {}) {
    super()
    this.name = options.name ?? 'BinaryProvableAvgRobustness'
    this.lipConst = options.lipConst ?? 1
    this.negativeRobustness = options.negativeRobustness ?? false
  }

  override call(yTrue: tf.Tensor, yPred: tf.Tensor): tf.Tensor1D {
    return tf.tidy(() => {
      const radius = binaryRadius(yTrue, yPred, this.lipConst)
      return this.negativeRobustness ? radius : tf.relu(radius)
    })
  }

  protected override parameters(): Record<string, unknown> {
    return { lipConst: this.lipConst, negativeRobustness: this.negativeRobustness }
  }
}

registerMetric(BinaryProvableAvgRobustness)
