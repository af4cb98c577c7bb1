import { registerLayer } from './config/layer-registry.ts'
import { windowSum } from './kernels/window-pool.ts'
import { type PoolingOptions, ScaledPooling2D } from './scaled-pooling.ts'
import type * as tf from './tf.ts'

/**
 * Average pooling times sqrt(ph pw) and kCoefLip: each output is the product of the window with a vector of norm kCoefLip,
 * windows are disjoint, so the layer is kCoefLip-Lipschitz.
 */
export class ScaledAveragePooling2D extends ScaledPooling2D {
  static className = 'ScaledAveragePooling2D'

  constructor(options: PoolingOptions = {}) {
    super(options)
  }

  protected override computeLipCoef(): number {
    return Math.sqrt(this.poolSize[0] * this.poolSize[1])
  }

  protected override pool(x: tf.Tensor4D): tf.Tensor4D {
    const [height, width] = this.poolSize
    return windowSum(x, { height, width }, this.kCoefLip / Math.sqrt(height * width))
  }
}

registerLayer(ScaledAveragePooling2D)
