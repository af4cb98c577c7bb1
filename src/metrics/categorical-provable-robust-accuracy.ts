import * as tf from '../layers/tf.ts'
import { type CategoricalRadiusOptions, categoricalRadius } from './certified-radius.ts'
import { ProvableMetric, registerMetric } from './provable-metric.ts'

/** Share of samples whose certified radius exceeds epsilon. */
export class CategoricalProvableRobustAccuracy extends ProvableMetric {
  static className = 'CategoricalProvableRobustAccuracy'
  readonly name: string
  readonly epsilon: number
  readonly radius: Required<CategoricalRadiusOptions>

  constructor(options: CategoricalRadiusOptions & { epsilon?: number; name?: string } = {}) {
    super()
    this.name = options.name ?? 'CategoricalProvableRobustAccuracy'
    this.epsilon = options.epsilon ?? 36 / 255
    this.radius = {
      lipConst: options.lipConst ?? 1,
      disjointNeurons: options.disjointNeurons ?? true,
      pairNorms: options.pairNorms ?? null,
    }
  }

  override call(yTrue: tf.Tensor, yPred: tf.Tensor): tf.Tensor1D {
    return tf.tidy(() => tf.cast(tf.greater(categoricalRadius(yTrue, yPred, this.radius), this.epsilon), 'float32'))
  }

  protected override parameters(): Record<string, unknown> {
    return { epsilon: this.epsilon, ...this.radius }
  }
}

registerMetric(CategoricalProvableRobustAccuracy)
