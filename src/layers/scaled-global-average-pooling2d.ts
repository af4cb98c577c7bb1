import { registerLayer } from './config/layer-registry.ts'
import { imageShape } from './conv-options.ts'
import { windowSum } from './kernels/window-pool.ts'
import { type GlobalPoolingOptions, ScaledGlobalPooling2D } from './scaled-global-pooling.ts'
import type * as tf from './tf.ts'

/** Mean over the image times sqrt(h w) and kCoefLip, for the layer's own input size. */
export class ScaledGlobalAveragePooling2D extends ScaledGlobalPooling2D {
  static className = 'ScaledGlobalAveragePooling2D'

  constructor(options: GlobalPoolingOptions = {}) {
    super(options)
  }

  protected override computeLipCoef(inputShape: tf.Shape): number {
    const [h, w] = imageShape(inputShape, this.dataFormat, this.name)
    return Math.sqrt(h * w)
  }

  protected override pool(x: tf.Tensor4D): tf.Tensor4D {
    const [, height, width] = x.shape
    return windowSum(x, { height, width }, this.kCoefLip / Math.sqrt(height * width))
  }
}

registerLayer(ScaledGlobalAveragePooling2D)
