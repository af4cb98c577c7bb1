import { LipError } from '../errors.ts'
import { registerLayer } from './config/layer-registry.ts'
import { SpectralConstraint } from './constraints/spectral-constraint.ts'
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
import { frobeniusNormalization } from './normalizers/frobenius-normalization.ts'
import { type EffectiveWeights, ReparametrisedLayer, type ReparametrisedOptions } from './reparametrised-layer.ts'
import type { ConvOptions } from './spectral-conv2d.ts'
import { positiveInteger } from './spectral-dense.ts'
import * as tf from './tf.ts'

export interface FrobeniusConv2DOptions extends ReparametrisedOptions, ConvOptions {}

/**
 * Convolution whose whole kernel is normalised by its Frobenius norm (which bounds the norm of the reshaped kernel), times
 * `convLipFactor`. Meant for one filter. Stride 1, zero padding 'same', kernel HWIO.
 */
export class FrobeniusConv2D extends ReparametrisedLayer {
  static className = 'FrobeniusConv2D'
  readonly filters: number
  readonly kernelSize: Pair
  readonly dataFormat: DataFormat

  constructor(options: FrobeniusConv2DOptions) {
    super(options, 'SpectralInitializer')
    const refuse = (message: string): never => {
      throw new LipError('CONFIG_INVALID', message)
    }
    if (!isOnes(options.strides)) refuse('FrobeniusConv2D does not support strides')
    if (!isOnes(options.dilationRate)) refuse('FrobeniusConv2D does not support dilation rate')
    if ((options.padding ?? 'same') !== 'same') refuse("FrobeniusConv2D only supports padding='same'")
    if (this.kernelConstraint !== null && !(this.kernelConstraint instanceof SpectralConstraint)) {
      refuse('only deellip constraints are allowed as other constraints could break 1 lipschitz condition')
    }
    this.filters = positiveInteger(options.filters, 'filters', this.name)
    this.kernelSize = toPair(options.kernelSize, 'kernel_size', this.name)
    this.dataFormat = checkDataFormat(options.dataFormat)
  }

  protected override computeLipCoef(inputShape: tf.Shape): number {
    const [h, w] = imageShape(inputShape, this.dataFormat, this.name)
    return convLipFactor(this.kernelSize, [1, 1], [h, w], this.compat)
  }

  protected override kernelShape(inputShape: tf.Shape): number[] {
    return [...this.kernelSize, imageShape(inputShape, this.dataFormat, this.name)[2], this.filters]
  }

  protected override outputChannels(): number {
    return this.filters
  }

  protected override addState(): readonly tf.LayerVariable[] {
    return []
  }

  protected override linearOutputShape(inputShape: tf.Shape): tf.Shape {
    const [h, w] = imageShape(inputShape, this.dataFormat, this.name)
    return fromImageShape(inputShape[0]!, [h, w, this.filters], this.dataFormat)
  }

  protected override reparametrise(kernel: tf.Tensor): EffectiveWeights {
    return { kernel: frobeniusNormalization(kernel, false, this.getCoef(), this.compat) }
  }

  protected override linear(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor1D | undefined): tf.Tensor {
    return inChannelsLast(x, this.dataFormat, (image) => {
      const padding = samePadding([image.shape[1], image.shape[2]], this.kernelSize, [1, 1])
      return conv2d(image, kernel as tf.Tensor4D, { strides: [1, 1], padding }, bias)
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
      strides: [1, 1],
      padding: 'same',
      data_format: this.dataFormat,
      dilation_rate: [1, 1],
    }
  }
}

registerLayer(FrobeniusConv2D)
