import { registerLayer } from './config/layer-registry.ts'
import { imageShape } from './conv-options.ts'
import { LipConv2D, type LipConv2DOptions } from './lip-conv2d.ts'
import { almostOrthogonalConvolution } from './normalizers/almost-orthogonal.ts'
import type { EffectiveWeights } from './reparametrised-layer.ts'
import * as tf from './tf.ts'

/** Convolution made kCoefLip-Lipschitz by almost-orthogonal rescaling of its input channels. Kernel HWIO; state q [cin]. */
export class AOLConv2D extends LipConv2D {
  static className = 'AOLConv2D'
  private q!: tf.LayerVariable

  constructor(options: LipConv2DOptions) {
    super(options, 'same')
  }

  protected override kernelShape(inputShape: tf.Shape): number[] {
    return [...this.kernelSize, imageShape(inputShape, this.dataFormat, this.name)[2], this.filters]
  }

  protected override addState(kernelShape: number[]): readonly tf.LayerVariable[] {
    this.q = this.addWeight('q', [kernelShape[2]!], 'float32', tf.initializers.zeros(), undefined, true)
    return [this.q]
  }

  protected override reparametrise(kernel: tf.Tensor): EffectiveWeights {
    const q = tf.exp(this.q.read()) as tf.Tensor1D
    return { kernel: tf.mul(almostOrthogonalConvolution(kernel as tf.Tensor4D, q, 'inputs'), this.getCoef()) }
  }
}

registerLayer(AOLConv2D)
