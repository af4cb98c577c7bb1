import { LipError } from '../errors.ts'
import { registerLayer } from './config/layer-registry.ts'
import { LipschitzLayer, type LipschitzOptions } from './lipschitz-layer.ts'
import * as tf from './tf.ts'

/**
 * sigmoid(alpha) x + (1 - sigmoid(alpha)) y of two tensors of one shape, times kCoefLip, alpha a learned scalar: a convex
 * combination, so where x and y are 1-Lipschitz functions of the same input, the result is too.
 */
export class LipResidual extends LipschitzLayer {
  static className = 'LipResidual'
  private alpha!: tf.LayerVariable

  constructor(options: LipschitzOptions = {}) {
    super(options)
  }

  protected override computeLipCoef(): number {
    return 1
  }

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const shapes = inputShape as tf.Shape[]
    const two = Array.isArray(shapes[0]) && shapes.length === 2
    if (!two || shapes[0]!.slice(1).join() !== shapes[1]!.slice(1).join()) {
      throw new LipError(
        'CONFIG_INVALID',
        `Layer "${this.name}" takes two inputs of one shape, got ${JSON.stringify(inputShape)}.`,
      )
    }
    this.alpha = this.addWeight('alpha', [1], 'float32', tf.initializers.zeros())
    super.build(inputShape)
  }

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape {
    return inputShape[0] as tf.Shape
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor | tf.Tensor[] {
    return tf.tidy(() => {
      const [x, y] = inputs as [tf.Tensor, tf.Tensor]
      const share = tf.sigmoid(this.alpha.read())
      const mixed = tf.add(tf.mul(x, share), tf.mul(y, tf.sub(1, share)))
      return this.kCoefLip === 1 ? mixed : tf.mul(mixed, this.kCoefLip)
    })
  }
}

registerLayer(LipResidual)
