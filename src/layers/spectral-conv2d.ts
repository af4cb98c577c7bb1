import { LipError } from '../errors.ts'
import { registerLayer } from './config/layer-registry.ts'
import {
  checkDataFormat,
  type DataFormat,
  fromImageShape,
  imageShape,
  isOnes,
  type Pair,
  toPair,
} from './conv-options.ts'
import { conv2d, samePadding } from './kernels/conv2d.ts'
import { inChannelsLast } from './kernels/in-channels-last.ts'
import { convLipFactor } from './normalizers/conv-lip-factor.ts'
import { positiveInteger } from './spectral-dense.ts'
import { SpectralLayer, type SpectralOptions } from './spectral-layer.ts'
import * as tf from './tf.ts'

export interface ConvOptions {
  filters: number
  kernelSize: number | readonly number[]
  strides?: number | readonly number[]
  /** 'same' only. */
  padding?: string
  dataFormat?: string | null
  /** 1 only. */
  dilationRate?: number | readonly number[]
}

export interface SpectralConv2DOptions extends SpectralOptions, ConvOptions {}

/**
 * Convolution with zero padding 'same' (TensorFlow's) whose reshaped kernel [kh kw cin, filters] is orthogonalised and scaled
 * by `convLipFactor`: in strict mode the convolution is kCoefLip-Lipschitz for every input size. Kernel HWIO.
 */
export class SpectralConv2D extends SpectralLayer {
  static className = 'SpectralConv2D'
  readonly filters: number
  readonly kernelSize: Pair
  readonly strides: Pair
  readonly dataFormat: DataFormat

  constructor(options: SpectralConv2DOptions) {
    super(options)
    if (!isOnes(options.dilationRate)) {
      throw new LipError('CONFIG_INVALID', 'SpectralConv2D does not support dilation rate')
    }
    if ((options.padding ?? 'same') !== 'same') {
      throw new LipError('CONFIG_INVALID', "SpectralConv2D only supports padding='same'")
    }
    this.filters = positiveInteger(options.filters, 'filters', this.name)
    this.kernelSize = toPair(options.kernelSize, 'kernel_size', this.name)
    this.strides = toPair(options.strides ?? 1, 'strides', this.name)
    this.dataFormat = checkDataFormat(options.dataFormat)
  }

  protected override computeLipCoef(inputShape: tf.Shape): number {
    const [h, w] = imageShape(inputShape, this.dataFormat, this.name)
    return convLipFactor(this.kernelSize, this.strides, [h, w], this.compat)
  }

  protected override kernelShape(inputShape: tf.Shape): number[] {
    return [...this.kernelSize, imageShape(inputShape, this.dataFormat, this.name)[2], this.filters]
  }

  protected override outputChannels(): number {
    return this.filters
  }

  protected override linearOutputShape(inputShape: tf.Shape): tf.Shape {
    const [h, w] = imageShape(inputShape, this.dataFormat, this.name)
    const [sy, sx] = this.strides
    return fromImageShape(inputShape[0]!, [Math.ceil(h / sy), Math.ceil(w / sx), this.filters], this.dataFormat)
  }

  protected override linear(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor1D | undefined): tf.Tensor {
    return inChannelsLast(x, this.dataFormat, (image) => {
      const padding = samePadding([image.shape[1], image.shape[2]], this.kernelSize, this.strides)
      return conv2d(image, kernel as tf.Tensor4D, { strides: this.strides, padding }, bias)
    })
  }

  protected override vanillaLayer(options: {
    name: string
    activation?: string
    batchInputShape: tf.Shape
  }): tf.layers.Layer {
    return tf.layers.conv2d({
      ...options,
      filters: this.filters,
      kernelSize: [...this.kernelSize],
      strides: [...this.strides],
      padding: 'same',
      dataFormat: this.dataFormat === 'channels_last' ? 'channelsLast' : 'channelsFirst',
      useBias: this.useBias,
    } as Parameters<typeof tf.layers.conv2d>[0])
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {
      ...super.getConfig(),
      filters: this.filters,
      kernel_size: [...this.kernelSize],
      strides: [...this.strides],
      padding: 'same',
      data_format: this.dataFormat,
      dilation_rate: [1, 1],
    }
  }
}

registerLayer(SpectralConv2D)
