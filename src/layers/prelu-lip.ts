import { registerLayer } from './config/layer-registry.ts'
import { LipschitzLayer, type LipschitzOptions, single, singleShape } from './lipschitz-layer.ts'
import * as tf from './tf.ts'

/**
 * Leaky ReLU with a learned slope per entry, clipped to [-k, k] in the forward pass: max(k, 1)-Lipschitz in deel-lip, whose
 * positive side has slope 1 whatever k is. Strict: slope min(1, k) there, so k-Lipschitz.
 *
 * deel-lip projects the slopes after each update instead (a constraint, which TensorFlow.js' optimizers do not apply).
 */
export class PReLUlip extends LipschitzLayer {
  static className = 'PReLUlip'
  private alpha!: tf.LayerVariable

  constructor(options: LipschitzOptions = {}) {
    super(options)
  }

  protected override computeLipCoef(): number {
    return 1
  }

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const shape = singleShape(inputShape).slice(1)
    this.alpha = this.addWeight('alpha', shape, 'float32', tf.initializers.zeros())
    super.build(inputShape)
  }

  /** Slope of the negative side as the forward pass uses it, [...input shape without batch]. */
  effectiveAlpha(): tf.Tensor {
    return tf.clipByValue(this.alpha.read(), -this.kCoefLip, this.kCoefLip)
  }

  get positiveSlope(): number {
    return this.compat === null ? Math.min(1, this.kCoefLip) : 1
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor | tf.Tensor[] {
    return tf.tidy(() => {
      const x = single(inputs)
      const negative = tf.mul(this.effectiveAlpha(), tf.neg(tf.relu(tf.neg(x))))
      return tf.add(tf.mul(tf.relu(x), this.positiveSlope), negative)
    })
  }
}

registerLayer(PReLUlip)
