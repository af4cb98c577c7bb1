import { checkDataFormat, type DataFormat, imageShape } from './conv-options.ts'
import { inChannelsLast } from './kernels/in-channels-last.ts'
import { LipschitzLayer, type LipschitzOptions, single, singleShape } from './lipschitz-layer.ts'
import * as tf from './tf.ts'

export interface GlobalPoolingOptions extends LipschitzOptions {
  dataFormat?: string | null
}

/** Pools each channel of an image to one number: [batch, h, w, c] -> [batch, c]. */
export abstract class ScaledGlobalPooling2D extends LipschitzLayer {
  readonly dataFormat: DataFormat

  constructor(options: GlobalPoolingOptions) {
    super(options)
    this.dataFormat = checkDataFormat(options.dataFormat)
  }

  /** [batch, h, w, c] -> [batch, 1, 1, c] */
  protected abstract pool(x: tf.Tensor4D): tf.Tensor4D

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape {
    const shape = singleShape(inputShape)
    return [shape[0]!, imageShape(shape, this.dataFormat, this.name)[2]]
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor | tf.Tensor[] {
    return tf.tidy(() => {
      const pooled = inChannelsLast(single(inputs), this.dataFormat, (x) => this.pool(x))
      return tf.reshape(pooled, [pooled.shape[0], pooled.size / pooled.shape[0]])
    })
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), data_format: this.dataFormat }
  }
}
