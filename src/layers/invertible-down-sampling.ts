import { LipError } from '../errors.ts'
import { registerLayer } from './config/layer-registry.ts'
import { fromImageShape, imageShape } from './conv-options.ts'
import { InvertibleSampling, pixelsToChannels } from './invertible-sampling.ts'
import { inChannelsLast } from './kernels/in-channels-last.ts'
import { single, singleShape } from './lipschitz-layer.ts'
import * as tf from './tf.ts'

/** [b, h, w, c] -> [b, h / p0, w / p1, c p0 p1], channel-major (deel-lip >= 1.5.1). */
export class InvertibleDownSampling extends InvertibleSampling {
  static className = 'InvertibleDownSampling'

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape {
    const shape = singleShape(inputShape)
    const [h, w, c] = imageShape(shape, this.dataFormat, this.name)
    const [p, q] = this.poolSize
    if (h % p !== 0 || w % q !== 0) {
      throw new LipError(
        'CONFIG_INVALID',
        `Layer "${this.name}": an image of ${h}x${w} does not divide into ${p}x${q} blocks.`,
      )
    }
    return fromImageShape(shape[0]!, [h / p, w / q, c * p * q], this.dataFormat)
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor | tf.Tensor[] {
    const x = single(inputs)
    this.computeOutputShape(x.shape)
    return tf.tidy(() => inChannelsLast(x, this.dataFormat, (image) => pixelsToChannels(image, this.poolSize)))
  }
}

registerLayer(InvertibleDownSampling)
