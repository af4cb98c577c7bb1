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
import { samePadding } from './kernels/conv2d.ts'
import { conv2dTranspose } from './kernels/conv2d-transpose.ts'
import { addBias } from './kernels/dense.ts'
import { inChannelsLast } from './kernels/in-channels-last.ts'
import { convLipFactor } from './normalizers/conv-lip-factor.ts'
import { reshapedKernelOrthogonalization } from './normalizers/reshaped-kernel-orthogonalization.ts'
import type { EffectiveWeights } from './reparametrised-layer.ts'
import type { ConvOptions } from './spectral-conv2d.ts'
import { positiveInteger } from './spectral-dense.ts'
import { SpectralLayer, type SpectralOptions } from './spectral-layer.ts'
import * as tf from './tf.ts'

export interface SpectralConv2DTransposeOptions extends SpectralOptions, ConvOptions {
  /** null only. */
  outputPadding?: null
}

/**
 * Transposed convolution, padding 'same': output size = input size times stride. Kernel [kh, kw, filters, cin].
 *
 * Strict: it is the adjoint of a convolution filters -> cin with the same kernel and stride, and adjoints have equal norms; so
 * the matrix [kh kw filters, cin] is orthogonalised, with that convolution's coefficient. Sound for strides. deel-lip
 * orthogonalises [kh kw cin, filters], which is neither (compat reproduces it, with a `condense` that works).
 */
export class SpectralConv2DTranspose extends SpectralLayer {
  static className = 'SpectralConv2DTranspose'
  readonly filters: number
  readonly kernelSize: Pair
  readonly strides: Pair
  readonly dataFormat: DataFormat

  constructor(options: SpectralConv2DTransposeOptions) {
    super(options)
    if (!isOnes(options.dilationRate)) {
      throw new LipError('CONFIG_INVALID', 'SpectralConv2DTranspose does not support dilation rate')
    }
    if ((options.padding ?? 'same') !== 'same') {
      throw new LipError('CONFIG_INVALID', "SpectralConv2DTranspose only supports padding='same'")
    }
    if ((options.outputPadding ?? null) !== null) {
      throw new LipError('CONFIG_INVALID', 'SpectralConv2DTranspose only supports output_padding=None')
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
    return [...this.kernelSize, this.filters, imageShape(inputShape, this.dataFormat, this.name)[2]]
  }

  protected override outputChannels(): number {
    return this.filters
  }

  protected override stateColumns([, , filters, cin]: number[]): number {
    return this.compat === null ? cin! : filters!
  }

  protected override linearOutputShape(inputShape: tf.Shape): tf.Shape {
    const [h, w] = imageShape(inputShape, this.dataFormat, this.name)
    const [sy, sx] = this.strides
    return fromImageShape(inputShape[0]!, [h * sy, w * sx, this.filters], this.dataFormat)
  }

  protected override reparametrise(kernel: tf.Tensor): EffectiveWeights {
    if (this.compat === null) return super.reparametrise(kernel)
    const exchange = [0, 1, 3, 2]
    const result = reshapedKernelOrthogonalization(
      tf.transpose(kernel, exchange),
      this.vector.read() as tf.Tensor2D,
      this.getCoef(),
      this.rko,
    )
    return { kernel: tf.transpose(result.wbar, exchange), u: result.u, sigma: result.sigma }
  }

  protected override linear(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor1D | undefined): tf.Tensor {
    const [sy, sx] = this.strides
    return inChannelsLast(x, this.dataFormat, (image) => {
      const size: Pair = [image.shape[1] * sy, image.shape[2] * sx]
      const padding = samePadding(size, this.kernelSize, this.strides)
      const y = conv2dTranspose(image, kernel as tf.Tensor4D, { strides: this.strides, padding }, size)
      return bias === undefined ? y : addBias(y, bias)
    })
  }

  protected override vanillaLayer(options: {
    name: string
    activation?: string
    batchInputShape: tf.Shape
  }): tf.layers.Layer {
    return tf.layers.conv2dTranspose({
      ...options,
      filters: this.filters,
      kernelSize: [...this.kernelSize],
      strides: [...this.strides],
      padding: 'same',
      dataFormat: this.dataFormat === 'channels_last' ? 'channelsLast' : 'channelsFirst',
      useBias: this.useBias,
    } as Parameters<typeof tf.layers.conv2dTranspose>[0])
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {
      ...super.getConfig(),
      filters: this.filters,
      kernel_size: [...this.kernelSize],
      strides: [...this.strides],
      padding: 'same',
      output_padding: null,
      data_format: this.dataFormat,
      dilation_rate: [1, 1],
    }
  }
}

registerLayer(SpectralConv2DTranspose)
