import { LipError } from '../errors.ts'
import { withSnakeKeys } from './config/python-keys.ts'
import { checkDataFormat, type DataFormat, type Pair, toPair } from './conv-options.ts'
import { readLayerConfig } from './lipschitz-layer.ts'
import type { Compat } from './normalizers/defaults.ts'
import * as tf from './tf.ts'

export interface InvertibleSamplingOptions {
  name?: string
  trainable?: boolean
  inputShape?: tf.Shape
  batchInputShape?: tf.Shape
  poolSize: number | readonly number[]
  dataFormat?: string | null
  compat?: Compat
}

/** Moves pixels of p0 x p1 blocks into channels or back: a permutation, so an isometry. No k_coef_lip, as in deel-lip. */
export abstract class InvertibleSampling extends tf.layers.Layer {
  readonly poolSize: Pair
  readonly dataFormat: DataFormat
  readonly compat: Compat

  constructor(options: InvertibleSamplingOptions) {
    super(options as ConstructorParameters<typeof tf.layers.Layer>[0])
    if (typeof options.poolSize !== 'number' && options.poolSize.length !== 2) {
      throw new LipError(
        'CONFIG_INVALID',
        `Expected 2-dimensional pool_size, but got ${JSON.stringify(options.poolSize)}`,
      )
    }
    this.poolSize = toPair(options.poolSize, 'pool_size', this.name)
    this.dataFormat = checkDataFormat(options.dataFormat)
    this.compat = options.compat ?? null
  }

  override getConfig(): tf.serialization.ConfigDict {
    return withSnakeKeys({
      ...super.getConfig(),
      poolSize: [...this.poolSize],
      dataFormat: this.dataFormat,
      ...(this.compat !== null && { compat: this.compat }),
    }) as tf.serialization.ConfigDict
  }

  /** @nocollapse */
  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    return new cls(readLayerConfig(config))
  }
}

/** out[b, i, j, ch p0 p1 + a p1 + d] = in[b, i p0 + a, j p1 + d, ch], as PyTorch's PixelUnshuffle. */
export function pixelsToChannels(x: tf.Tensor4D, [p, q]: Pair): tf.Tensor4D {
  const [b, h, w, c] = x.shape
  const blocks = tf.reshape(x, [b, h / p, p, w / q, q, c])
  return tf.reshape(tf.transpose(blocks, [0, 1, 3, 5, 2, 4]), [b, h / p, w / q, c * p * q]) as tf.Tensor4D
}

/** The inverse, for every height and width. */
export function channelsToPixels(x: tf.Tensor4D, [p, q]: Pair): tf.Tensor4D {
  const [b, h, w, c] = x.shape
  const blocks = tf.reshape(x, [b, h, w, c / (p * q), p, q])
  return tf.reshape(tf.transpose(blocks, [0, 1, 4, 2, 5, 3]), [b, h * p, w * q, c / (p * q)]) as tf.Tensor4D
}

/** deel-lip's up-sampling: the same for square images; for others it reads the transposed image in the wrong shape. */
export function channelsToPixelsAsDeelLip(x: tf.Tensor4D, [p, q]: Pair): tf.Tensor4D {
  const [b, h, w, c] = x.shape
  const depth = c / (p * q)
  const transposed = tf.transpose(tf.reshape(x, [b, h, w, depth, p, q]), [0, 3, 2, 5, 1, 4])
  return tf.transpose(tf.reshape(transposed, [b, depth, h * p, w * q]), [0, 3, 2, 1]) as tf.Tensor4D
}
