import { LipError } from '../errors.ts'
import { registerLayer } from './config/layer-registry.ts'
import { fromImageShape, imageShape, type Pair } from './conv-options.ts'
import { channelsToPixels, channelsToPixelsAsDeelLip, InvertibleSampling } from './invertible-sampling.ts'
import { inChannelsLast } from './kernels/in-channels-last.ts'
import { single, singleShape } from './lipschitz-layer.ts'
import * as tf from './tf.ts'

/** The inverse of `InvertibleDownSampling`: [b, h, w, c p0 p1] -> [b, h p0, w p1, c], right for h != w too (deel-lip's is not). */
export class InvertibleUpSampling extends InvertibleSampling {
  static className = 'InvertibleUpSampling'

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape {
    const shape = singleShape(inputShape)
    const [h, w, c] = imageShape(shape, this.dataFormat, this.name)
    const [p, q] = this.poolSize
    if (c % (p * q) !== 0) {
      throw new LipError('CONFIG_INVALID', `Layer "${this.name}": ${c} channels do not divide into ${p}x${q} blocks.`)
    }
    const size: Pair = this.compat === null ? [h * p, w * q] : [w * q, h * p]
    return fromImageShape(shape[0]!, [...size, c / (p * q)], this.dataFormat)
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor | tf.Tensor[] {
    const x = single(inputs)
    this.computeOutputShape(x.shape)
    return tf.tidy(() =>
      inChannelsLast(x, this.dataFormat, (image) =>
        this.compat === null ? channelsToPixels(image, this.poolSize) : channelsToPixelsAsDeelLip(image, this.poolSize),
      ),
    )
  }
}

registerLayer(InvertibleUpSampling)
