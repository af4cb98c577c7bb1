import { LipError } from '../errors.ts'
import { registerLayer } from './config/layer-registry.ts'
import { windowNorm } from './kernels/window-pool.ts'
import { type PoolingOptions, ScaledPooling2D } from './scaled-pooling.ts'
import type * as tf from './tf.ts'

export interface L2NormPoolingOptions extends PoolingOptions {
  /** Damps the gradient of the square root at zero; the forward pass has none. Default 1e-6. */
  epsGradSqrt?: number
}

/** L2 norm of each window, times kCoefLip. A norm is 1-Lipschitz (reverse triangle inequality) and windows are disjoint. */
export class ScaledL2NormPooling2D extends ScaledPooling2D {
  static className = 'ScaledL2NormPooling2D'
  readonly epsGradSqrt: number

  constructor(options: L2NormPoolingOptions = {}) {
    super(options)
    this.epsGradSqrt = checkEpsGradSqrt(options.epsGradSqrt)
  }

  protected override computeLipCoef(): number {
    return Math.sqrt(this.poolSize[0] * this.poolSize[1])
  }

  protected override pool(x: tf.Tensor4D): tf.Tensor4D {
    const [height, width] = this.poolSize
    return windowNorm(x, { height, width }, this.kCoefLip, this.epsGradSqrt)
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), eps_grad_sqrt: this.epsGradSqrt }
  }
}

registerLayer(ScaledL2NormPooling2D)

export function checkEpsGradSqrt(eps = 1e-6): number {
  if (!(eps >= 0)) throw new LipError('CONFIG_INVALID', 'eps_grad_sqrt must be positive')
  return eps
}
