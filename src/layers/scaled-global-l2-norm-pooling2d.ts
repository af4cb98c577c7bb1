import { registerLayer } from './config/layer-registry.ts'
import { windowNorm } from './kernels/window-pool.ts'
import { type GlobalPoolingOptions, ScaledGlobalPooling2D } from './scaled-global-pooling.ts'
import { checkEpsGradSqrt } from './scaled-l2-norm-pooling2d.ts'
import type * as tf from './tf.ts'

export interface GlobalL2NormPoolingOptions extends GlobalPoolingOptions {
  epsGradSqrt?: number
}

/** L2 norm of each channel, times kCoefLip. */
export class ScaledGlobalL2NormPooling2D extends ScaledGlobalPooling2D {
  static className = 'ScaledGlobalL2NormPooling2D'
  readonly epsGradSqrt: number

  constructor(options: GlobalL2NormPoolingOptions = {}) {
    super(options)
    this.epsGradSqrt = checkEpsGradSqrt(options.epsGradSqrt)
  }

  protected override computeLipCoef(): number {
    return 1
  }

  protected override pool(x: tf.Tensor4D): tf.Tensor4D {
    const [, height, width] = x.shape
    // deel-lip differentiates the root of the sum here, of the mean in the windowed layer: eps scales accordingly.
    return windowNorm(x, { height, width }, this.kCoefLip, this.epsGradSqrt / Math.sqrt(height * width))
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), eps_grad_sqrt: this.epsGradSqrt }
  }
}

registerLayer(ScaledGlobalL2NormPooling2D)
