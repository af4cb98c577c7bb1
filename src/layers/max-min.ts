import { LipError } from '../errors.ts'
import { registerLayer } from './config/layer-registry.ts'
import { maxMin } from './kernels/max-min.ts'
import { LipschitzLayer, type LipschitzOptions, single, singleShape, toDataFormat } from './lipschitz-layer.ts'
import * as tf from './tf.ts'

export interface MaxMinOptions extends LipschitzOptions {
  dataFormat?: string | null
}

/**
 * [max(x, 0), max(-x, 0)] along the channel axis, times `kCoefLip`: twice the channels, norm-preserving, 1-Lipschitz.
 */
export class MaxMin extends LipschitzLayer {
  static className = 'MaxMin'
  readonly dataFormat: string

  constructor(options: MaxMinOptions = {}) {
    super(options)
    this.dataFormat = toDataFormat(options.dataFormat ?? 'channels_last')
    if (this.dataFormat !== 'channels_last' && this.dataFormat !== 'channels_first') {
      throw new LipError('CONFIG_INVALID', 'data format not understood')
    }
  }

  protected override computeLipCoef(): number {
    return 1
  }

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape {
    const shape = [...singleShape(inputShape)]
    const axis = this.dataFormat === 'channels_last' ? shape.length - 1 : 1
    const channels = shape[axis]
    shape[axis] = channels == null ? null : 2 * channels
    return shape
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor | tf.Tensor[] {
    return tf.tidy(() => {
      const x = single(inputs)
      if (this.dataFormat === 'channels_last') return maxMin(x, this.kCoefLip)
      return tf.mul(tf.concat([tf.relu(x), tf.relu(tf.neg(x))], 1), this.kCoefLip)
    })
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), data_format: this.dataFormat }
  }
}

registerLayer(MaxMin)
