import * as tf from '../layers/tf.ts'
import { binaryRadius } from './certified-radius.ts'
import { ProvableMetric, registerMetric } from './provable-metric.ts'

/** Share of samples whose certified radius exceeds epsilon, for one logit. */
export class BinaryProvableRobustAccuracy extends ProvableMetric {
  static className = 'BinaryProvableRobustAccuracy'
  readonly name: string
  readonly epsilon: number
  readonly lipConst: number

  constructor(options: { epsilon?: number; lipConst?: number; name?: string } = {}) {
    super()
    this.name = options.name ?? 'BinaryProvableRobustAccuracy'
    this.epsilon = options.epsilon ?? 36 / 255
    this.lipConst = options.lipConst ?? 1
  }

  override call(yTrue: tf.Tensor, yPred: tf.Tensor): tf.Tensor1D {
    return tf.tidy(() => tf.cast(tf.greater(binaryRadius(yTrue, yPred, this.lipConst), this.epsilon), 'float32'))
  }

  protected override parameters(): Record<string, unknown> {
    return { epsilon: this.epsilon, lipConst: this.lipConst }
  }
}

registerMetric(BinaryProvableRobustAccuracy)
