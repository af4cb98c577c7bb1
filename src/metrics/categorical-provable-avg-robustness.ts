import * as tf from '../layers/tf.ts'
import { type CategoricalRadiusOptions, categoricalRadius } from './certified-radius.ts'
import { ProvableMetric, registerMetric } from './provable-metric.ts'

/** Mean certified radius; misclassified samples count 0, or their negative margin with `negativeRobustness`. */
export class CategoricalProvableAvgRobustness extends ProvableMetric {
  static className = 'CategoricalProvableAvgRobustness'
  readonly name: string
  readonly negativeRobustness: boolean
  readonly radius: Required<CategoricalRadiusOptions>

  constructor(options: CategoricalRadiusOptions & { negativeRobustness?: boolean; name?: string } = {}) {
    super()
    this.name = options.name ?? 'CategoricalProvableAvgRobustness'
    this.negativeRobustness = options.negativeRobustness ?? false
    this.radius = {
      lipConst: options.lipConst ?? 1,
      disjointNeurons: options.disjointNeurons ?? true,
      pairNorms: options.pairNorms ?? null,
    }
  }

  override call(yTrue: tf.Tensor, yPred: tf.Tensor): tf.Tensor1D {
    return tf.tidy(() => {
      const radius = categoricalRadius(yTrue, yPred, this.radius)
      return this.negativeRobustness ? radius : tf.relu(radius)
    })
  }

  protected override parameters(): Record<string, unknown> {
    return { ...this.radius, negativeRobustness: this.negativeRobustness }
  }
}

registerMetric(CategoricalProvableAvgRobustness)
