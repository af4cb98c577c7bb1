import { LipError } from '../errors.ts'
import { registerLayer } from './config/layer-registry.ts'
import { checkDataFormat, type DataFormat, imageShape, isOnes, type Pair, toPair } from './conv-options.ts'
import { conv2d, samePadding } from './kernels/conv2d.ts'
import { conv2dTranspose } from './kernels/conv2d-transpose.ts'
import { inChannelsLast } from './kernels/in-channels-last.ts'
import { almostOrthogonalConvolution } from './normalizers/almost-orthogonal.ts'
import { type EffectiveWeights, ReparametrisedLayer, type ReparametrisedOptions } from './reparametrised-layer.ts'
import { residualModel } from './residual-model.ts'
import type { ConvOptions } from './spectral-conv2d.ts'
import { positiveInteger } from './spectral-dense.ts'
import * as tf from './tf.ts'

/** `filters` is the hidden width; the output has the channels of the input. */
export interface SLLConv2DOptions extends ReparametrisedOptions, ConvOptions {}

/**
 * SDP-based residual block with a convolution K: y = x - 2 K^T relu(K x + b), ||K|| <= 1 by almost-orthogonal rescaling of the
 * hidden channels. See `SLLDense` for the proof. Stride 1, zero padding, kernel HWIO [kh, kw, cin, filters].
 */
export class SLLConv2D extends ReparametrisedLayer {
  static className = 'SLLConv2D'
  readonly filters: number
  readonly kernelSize: Pair
  readonly dataFormat: DataFormat
  private q!: tf.LayerVariable

  constructor(options: SLLConv2DOptions) {
    super(options, 'orthogonal')
    const refuse = (message: string): never => {
      throw new LipError('CONFIG_INVALID', message)
    }
    if (!isOnes(options.strides)) refuse('SLLConv2D does not support strides')
    if (!isOnes(options.dilationRate)) refuse('SLLConv2D does not support dilation rate')
    if ((options.padding ?? 'same') !== 'same') refuse("SLLConv2D only supports padding='same'")
    if (this.compat !== null) refuse('SLLConv2D is not a layer of deel-lip: it has no compat mode.')
    this.filters = positiveInteger(options.filters, 'filters', this.name)
    this.kernelSize = toPair(options.kernelSize, 'kernel_size', this.name)
    this.dataFormat = checkDataFormat(options.dataFormat)
  }

  protected override computeLipCoef(): number {
    return 1
  }

  protected override kernelShape(inputShape: tf.Shape): number[] {
    return [...this.kernelSize, imageShape(inputShape, this.dataFormat, this.name)[2], this.filters]
  }

  protected override outputChannels(): number {
    return this.filters
  }

  protected override linearOutputShape(inputShape: tf.Shape): tf.Shape {
    return inputShape
  }

  protected override addState(): readonly tf.LayerVariable[] {
    this.q = this.addWeight('q', [this.filters], 'float32', tf.initializers.zeros(), undefined, true)
    return [this.q]
  }

  /** K itself: the factor kCoefLip applies to the block's output. */
  protected override reparametrise(kernel: tf.Tensor): EffectiveWeights {
    const q = tf.exp(this.q.read()) as tf.Tensor1D
    return { kernel: almostOrthogonalConvolution(kernel as tf.Tensor4D, q, 'outputs') }
  }

  protected override linear(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor1D | undefined): tf.Tensor {
    return inChannelsLast(x, this.dataFormat, (image) => {
      const size: Pair = [image.shape[1], image.shape[2]]
      const geometry = { strides: [1, 1] as const, padding: samePadding(size, this.kernelSize, [1, 1]) }
      const hidden = tf.relu(conv2d(image, kernel as tf.Tensor4D, geometry, bias))
      const back = conv2dTranspose(hidden, kernel as tf.Tensor4D, geometry, size)
      return tf.mul(tf.sub(image, tf.mul(back, 2)), this.kCoefLip)
    })
  }

  /** Nothing to do: the effective kernel is no fixed point of this reparametrisation. */
  override condense(): void {}

  /** A convolution, its transpose and an addition, as a small functional model. */
  override vanillaExport(): tf.LayersModel {
    const shape = this.builtShape().slice(1)
    const common = {
      kernelSize: [...this.kernelSize],
      padding: 'same' as const,
      dataFormat: this.dataFormat === 'channels_last' ? ('channelsLast' as const) : ('channelsFirst' as const),
    }
    const hidden = tf.layers.conv2d({ ...common, filters: this.filters, useBias: this.useBias, activation: 'relu' })
    const channels = imageShape(this.builtShape(), this.dataFormat, this.name)[2]
    const back = tf.layers.conv2dTranspose({ ...common, filters: channels, useBias: false })
    return residualModel(this.name, shape, this.kCoefLip, hidden, back, () =>
      tf.tidy(() => {
        const { kernel, bias } = this.effectiveWeights(false)
        hidden.setWeights(bias === undefined ? [kernel] : [kernel, bias])
        back.setWeights([tf.mul(kernel, -2 * this.kCoefLip)])
      }),
    )
  }

  protected override vanillaLayer(): never {
    throw new Error('A residual block has no single plain layer.')
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

registerLayer(SLLConv2D)
