import { LipError } from '../errors.ts'
import {
  checkDataFormat,
  type DataFormat,
  fromImageShape,
  imageShape,
  isOnes,
  type Pair,
  toPair,
} from './conv-options.ts'
import { conv2d, NO_PADDING, type Padding, samePadding } from './kernels/conv2d.ts'
import { inChannelsLast } from './kernels/in-channels-last.ts'
import { pad2d } from './kernels/pad2d.ts'
import { PadConv2D } from './pad-conv2d.ts'
import { ReparametrisedLayer, type ReparametrisedOptions } from './reparametrised-layer.ts'
import type { ConvOptions } from './spectral-conv2d.ts'
import { positiveInteger } from './spectral-dense.ts'
import * as tf from './tf.ts'

export interface LipConv2DOptions extends ReparametrisedOptions, ConvOptions {}

/** Convolutions that are Lipschitz by a property of the operator on the infinite grid: zero ('same') or circular padding. */
export abstract class LipConv2D extends ReparametrisedLayer {
  readonly filters: number
  readonly kernelSize: Pair
  readonly strides: Pair
  readonly padding: 'same' | 'circular'
  readonly dataFormat: DataFormat

  constructor(options: LipConv2DOptions, defaultPadding: 'same' | 'circular') {
    super(options, 'orthogonal')
    if (!isOnes(options.dilationRate)) {
      throw new LipError('CONFIG_INVALID', `${this.getClassName()} does not support dilation rate`)
    }
    const padding = (options.padding ?? defaultPadding).toLowerCase()
    if (padding !== 'same' && padding !== 'circular') {
      throw new LipError('CONFIG_INVALID', `${this.getClassName()} only supports padding='same' and 'circular'`)
    }
    this.padding = padding
    this.filters = positiveInteger(options.filters, 'filters', this.name)
    this.kernelSize = toPair(options.kernelSize, 'kernel_size', this.name)
    this.strides = toPair(options.strides ?? 1, 'strides', this.name)
    this.dataFormat = checkDataFormat(options.dataFormat)
  }

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const shape = (Array.isArray(inputShape[0]) ? inputShape[0] : inputShape) as tf.Shape
    const [h, w] = imageShape(shape, this.dataFormat, this.name)
    const [sy, sx] = this.strides
    if (this.padding === 'circular' && (h % sy !== 0 || w % sx !== 0)) {
      throw new LipError(
        'CONFIG_INVALID',
        `Layer "${this.name}": circular padding needs an image that the strides divide, got ${h}x${w} and ${sy}x${sx}.`,
      )
    }
    super.build(inputShape)
  }

  protected override computeLipCoef(_inputShape: tf.Shape): number {
    return 1
  }

  protected override outputChannels(): number {
    return this.filters
  }

  protected override linearOutputShape(inputShape: tf.Shape): tf.Shape {
    const [h, w] = imageShape(inputShape, this.dataFormat, this.name)
    const [sy, sx] = this.strides
    return fromImageShape(inputShape[0]!, [Math.ceil(h / sy), Math.ceil(w / sx), this.filters], this.dataFormat)
  }

  protected paddingOf(size: Pair): Padding {
    return samePadding(size, this.kernelSize, this.strides)
  }

  protected override linear(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor1D | undefined): tf.Tensor {
    return inChannelsLast(x, this.dataFormat, (image) => {
      const padding = this.paddingOf([image.shape[1], image.shape[2]])
      return this.padding === 'same'
        ? conv2d(image, kernel as tf.Tensor4D, { strides: this.strides, padding }, bias)
        : conv2d(
            pad2d(image, 'circular', padding),
            kernel as tf.Tensor4D,
            { strides: this.strides, padding: NO_PADDING },
            bias,
          )
    })
  }

  protected override vanillaLayer(options: {
    name: string
    activation?: string
    batchInputShape: tf.Shape
  }): tf.layers.Layer {
    const plain = {
      ...options,
      filters: this.filters,
      kernelSize: [...this.kernelSize],
      strides: [...this.strides],
      useBias: this.useBias,
    }
    if (this.padding === 'same') {
      return tf.layers.conv2d({
        ...plain,
        padding: 'same',
        dataFormat: this.dataFormat === 'channels_last' ? 'channelsLast' : 'channelsFirst',
      } as Parameters<typeof tf.layers.conv2d>[0])
    }
    const odd = this.kernelSize.every((k) => k % 2 === 1)
    if (!odd || this.strides.some((s) => s !== 1) || this.dataFormat !== 'channels_last') {
      throw new LipError(
        'USAGE',
        `Layer "${this.name}" has no plain equivalent: circular PadConv2D covers odd kernels, stride 1, channels last.`,
      )
    }
    return new PadConv2D({ ...plain, padding: 'circular' })
  }

  /** Nothing to do: the effective kernel is no fixed point of this reparametrisation. */
  override condense(): void {}

  override getConfig(): tf.serialization.ConfigDict {
    return {
      ...super.getConfig(),
      filters: this.filters,
      kernel_size: [...this.kernelSize],
      strides: [...this.strides],
      padding: this.padding,
      data_format: this.dataFormat,
      dilation_rate: [1, 1],
    }
  }
}
