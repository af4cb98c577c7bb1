import { LipError } from '../errors.ts'
import { checkDataFormat, type DataFormat, fromImageShape, imageShape, type Pair, toPair } from './conv-options.ts'
import { inChannelsLast } from './kernels/in-channels-last.ts'
import { LipschitzLayer, type LipschitzOptions, single, singleShape } from './lipschitz-layer.ts'
import * as tf from './tf.ts'

export interface PoolingOptions extends LipschitzOptions {
  poolSize?: number | readonly number[]
  /** Equal to poolSize (the default): windows must not overlap. */
  strides?: number | readonly number[] | null
  /** 'valid' only: incomplete windows at the border are dropped. */
  padding?: string
  dataFormat?: string | null
}

/** Pooling over non-overlapping windows, scaled so that the layer is kCoefLip-Lipschitz. */
export abstract class ScaledPooling2D extends LipschitzLayer {
  readonly poolSize: Pair
  readonly dataFormat: DataFormat

  constructor(options: PoolingOptions) {
    super(options)
    this.poolSize = toPair(options.poolSize ?? [2, 2], 'pool_size', this.name)
    if (options.strides !== undefined && options.strides !== null) {
      const strides = toPair(options.strides, 'strides', this.name)
      if (strides[0] !== this.poolSize[0] || strides[1] !== this.poolSize[1]) {
        throw new LipError('CONFIG_INVALID', 'stride must be equal to pool_size')
      }
    }
    if ((options.padding ?? 'valid') !== 'valid') {
      throw new LipError('CONFIG_INVALID', `${this.getClassName()} only supports padding='valid'`)
    }
    this.dataFormat = checkDataFormat(options.dataFormat)
  }

  protected abstract pool(x: tf.Tensor4D): tf.Tensor4D

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape {
    const shape = singleShape(inputShape)
    const [h, w, c] = imageShape(shape, this.dataFormat, this.name)
    const [ph, pw] = this.poolSize
    return fromImageShape(shape[0]!, [Math.floor(h / ph), Math.floor(w / pw), c], this.dataFormat)
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor | tf.Tensor[] {
    return tf.tidy(() => inChannelsLast(single(inputs), this.dataFormat, (x) => this.pool(x)))
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {
      ...super.getConfig(),
      pool_size: [...this.poolSize],
      strides: [...this.poolSize],
      padding: 'valid',
      data_format: this.dataFormat,
    }
  }
}
