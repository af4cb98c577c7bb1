import { LipError } from '../errors.ts'
import { constrain } from './config/constrained-variables.ts'
import { registerLayer } from './config/layer-registry.ts'
import { withSnakeKeys } from './config/python-keys.ts'
import { type ActivationIdentifier, resolveActivation, serializeActivation } from './config/resolve-activation.ts'
import {
  type ConstraintIdentifier,
  type RegularizerIdentifier,
  resolveConstraint,
  resolveRegularizer,
  serializePluggable,
} from './config/resolve-regularizer.ts'
import { imageShape, type Pair, toPair } from './conv-options.ts'
import { deriveSeed } from './derive-seed.ts'
import {
  type InitializerIdentifier,
  resolveInitializer,
  serializeInitializer,
} from './initializers/resolve-initializer.ts'
import { conv2d, NO_PADDING, type Padding, samePadding } from './kernels/conv2d.ts'
import { type PadMode, pad2d } from './kernels/pad2d.ts'
import { type Condensable, readLayerConfig, single, singleShape } from './lipschitz-layer.ts'
import { positiveInteger } from './spectral-dense.ts'
import * as tf from './tf.ts'

const MODES = ['same', 'valid', 'constant', 'reflect', 'symmetric', 'circular', 'replicate'] as const
export type ConvPadding = (typeof MODES)[number]

export interface PadConv2DOptions {
  name?: string
  trainable?: boolean
  inputShape?: tf.Shape
  batchInputShape?: tf.Shape
  filters: number
  kernelSize: number | readonly number[]
  strides?: number | readonly number[]
  /** Case does not matter. All but 'same' and 'valid' pad floor(k / 2) on each side and then convolve without padding. */
  padding?: string
  dataFormat?: string | null
  dilationRate?: number | readonly number[]
  activation?: ActivationIdentifier | null
  useBias?: boolean
  kernelInitializer?: InitializerIdentifier
  biasInitializer?: InitializerIdentifier
  kernelRegularizer?: RegularizerIdentifier | null
  biasRegularizer?: RegularizerIdentifier | null
  kernelConstraint?: ConstraintIdentifier | null
  biasConstraint?: ConstraintIdentifier | null
  seed?: number
}

/** A plain convolution with more kinds of padding. Not Lipschitz constrained. Channels last, kernel HWIO. */
export class PadConv2D extends tf.layers.Layer implements Condensable {
  static className = 'PadConv2D'
  readonly filters: number
  readonly kernelSize: Pair
  readonly strides: Pair
  readonly dilationRate: Pair
  readonly padding: ConvPadding
  readonly useBias: boolean
  readonly activation: tf.layers.Layer | null
  private readonly options: PadConv2DOptions
  private readonly seed: number
  private readonly kernelInitializer: tf.Initializer
  private readonly biasInitializer: tf.Initializer
  private kernel!: tf.LayerVariable
  private bias: tf.LayerVariable | null = null
  private inputShape: tf.Shape | null = null

  constructor(options: PadConv2DOptions) {
    super(options as ConstructorParameters<typeof tf.layers.Layer>[0])
    this.options = options
    this.filters = positiveInteger(options.filters, 'filters', this.name)
    this.kernelSize = toPair(options.kernelSize, 'kernel_size', this.name)
    this.strides = toPair(options.strides ?? 1, 'strides', this.name)
    this.dilationRate = toPair(options.dilationRate ?? 1, 'dilation_rate', this.name)
    this.padding = checkPadding(options.padding ?? 'same')
    this.useBias = options.useBias ?? true
    this.activation = resolveActivation(options.activation)
    this.seed = options.seed ?? 0
    const seedOf = (weight: string): number => deriveSeed(this.seed, this.name, weight)
    this.kernelInitializer = resolveInitializer(options.kernelInitializer ?? 'glorot_uniform', seedOf('kernel'))
    this.biasInitializer = resolveInitializer(options.biasInitializer ?? 'zeros', seedOf('bias'))
    if ((options.dataFormat ?? 'channels_last') !== 'channels_last') {
      throw new LipError(
        'CONFIG_INVALID',
        `PadConv2D only supports data_format='channels_last', got ${options.dataFormat}.`,
      )
    }
  }

  override build(shapes: tf.Shape | tf.Shape[]): void {
    const shape = singleShape(shapes)
    this.inputShape = shape
    const { options } = this
    const channels = shape.at(-1)
    if (channels == null) throw new LipError('CONFIG_INVALID', `Layer "${this.name}" needs a known number of channels.`)
    this.kernel = this.addWeight(
      'kernel',
      [...this.kernelSize, channels, this.filters],
      'float32',
      this.kernelInitializer as never,
      resolveRegularizer(options.kernelRegularizer) as never,
      true,
    )
    constrain(this.kernel, resolveConstraint(options.kernelConstraint))
    if (this.useBias) {
      this.bias = this.addWeight(
        'bias',
        [this.filters],
        'float32',
        this.biasInitializer as never,
        resolveRegularizer(options.biasRegularizer) as never,
        true,
      )
      constrain(this.bias, resolveConstraint(options.biasConstraint))
    }
    if (this.activation !== null && !this.activation.built) {
      this.activation.build(this.convolvedShape(shape))
      this.activation.built = true
    }
    super.build(shapes)
  }

  /** Zero padding for 'same', the chosen padding's width else. */
  private paddingOf([h, w]: Pair): Padding {
    const span = this.kernelSize.map((k, i) => (k - 1) * this.dilationRate[i]! + 1) as unknown as Pair
    if (this.padding === 'valid') return NO_PADDING
    if (this.padding === 'same') return samePadding([h, w], span, this.strides)
    const [py, px] = this.kernelSize.map((k) => Math.floor(k / 2)) as [number, number]
    return { top: py, bottom: py, left: px, right: px }
  }

  private convolvedShape(shape: tf.Shape): tf.Shape {
    const [h, w] = imageShape(shape, 'channels_last', this.name)
    const { top, bottom, left, right } = this.paddingOf([h, w])
    const size = (n: number, axis: 0 | 1): number => {
      const span = (this.kernelSize[axis] - 1) * this.dilationRate[axis] + 1
      return Math.floor((n - span) / this.strides[axis]) + 1
    }
    return [shape[0]!, size(h + top + bottom, 0), size(w + left + right, 1), this.filters]
  }

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape {
    const shape = this.convolvedShape(singleShape(inputShape))
    return this.activation === null ? shape : (this.activation.computeOutputShape(shape) as tf.Shape)
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Record<string, unknown>): tf.Tensor | tf.Tensor[] {
    return tf.tidy(() => {
      const x = single<tf.Tensor4D>(inputs)
      const padding = this.paddingOf([x.shape[1], x.shape[2]])
      const mode: PadMode = this.padding === 'same' || this.padding === 'valid' ? 'constant' : this.padding
      const padded = pad2d(x, mode, padding)
      const kernel = this.kernel.read() as tf.Tensor4D
      const bias = this.bias?.read() as tf.Tensor1D | undefined
      const geometry = { strides: this.strides, padding: NO_PADDING }
      const y = conv2d(padded, dilated(kernel, this.dilationRate), geometry, bias)
      return this.activation === null ? y : single(this.activation.apply(y, kwargs) as tf.Tensor | tf.Tensor[])
    })
  }

  override get trainableWeights(): tf.LayerVariable[] {
    return [...super.trainableWeights, ...(this.trainable ? (this.activation?.trainableWeights ?? []) : [])]
  }

  override set trainableWeights(weights: tf.LayerVariable[]) {
    super.trainableWeights = weights
  }

  /** Nothing to do: the kernel is what it is. */
  condense(): void {}

  /** Conv2D for 'same' and 'valid' with a named activation, else a copy. */
  vanillaExport(): tf.layers.Layer {
    if (this.inputShape === null) {
      throw new LipError('USAGE', `Layer "${this.name}" must be built before it is exported.`)
    }
    const batchInputShape = [null, ...this.inputShape.slice(1)]
    const plain = (this.padding === 'same' || this.padding === 'valid') && this.activation === null
    const layer = plain
      ? tf.layers.conv2d({
          name: this.name,
          batchInputShape,
          filters: this.filters,
          kernelSize: [...this.kernelSize],
          strides: [...this.strides],
          dilationRate: [...this.dilationRate],
          padding: this.padding as 'same',
          useBias: this.useBias,
        })
      : new PadConv2D(readLayerConfig({ ...this.getConfig(), batchInputShape }) as unknown as PadConv2DOptions)
    layer.build(batchInputShape)
    layer.built = true
    layer.setWeights(this.getWeights())
    return layer
  }

  override getConfig(): tf.serialization.ConfigDict {
    const { options } = this
    return withSnakeKeys({
      ...super.getConfig(),
      filters: this.filters,
      kernelSize: [...this.kernelSize],
      strides: [...this.strides],
      padding: this.padding,
      dataFormat: 'channels_last',
      dilationRate: [...this.dilationRate],
      activation: serializeActivation(this.activation),
      useBias: this.useBias,
      kernelInitializer: serializeInitializer(this.kernelInitializer),
      biasInitializer: serializeInitializer(this.biasInitializer),
      kernelRegularizer: serializePluggable(resolveRegularizer(options.kernelRegularizer)),
      biasRegularizer: serializePluggable(resolveRegularizer(options.biasRegularizer)),
      kernelConstraint: serializePluggable(resolveConstraint(options.kernelConstraint)),
      biasConstraint: serializePluggable(resolveConstraint(options.biasConstraint)),
      seed: this.seed,
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

registerLayer(PadConv2D)

function checkPadding(value: string): ConvPadding {
  const padding = MODES.find((mode) => mode === value.toLowerCase())
  if (padding !== undefined) return padding
  throw new LipError('CONFIG_INVALID', `Unknown padding "${value}" of PadConv2D.`, {
    hint: `Known: ${MODES.join(', ')}.`,
  })
}

/** The kernel with rate - 1 zeros between its taps: TensorFlow.js has no gradient of a dilated convolution. */
function dilated(kernel: tf.Tensor4D, [ry, rx]: Pair): tf.Tensor4D {
  if (ry === 1 && rx === 1) return kernel
  const [kh, kw, channels, filters] = kernel.shape
  const block = channels * filters
  const rows = spread(tf.reshape(kernel, [1, kh, kw * block]), ry)
  const taps = spread(tf.reshape(rows, [-1, kw, block]), rx)
  return tf.reshape(taps, [(kh - 1) * ry + 1, (kw - 1) * rx + 1, channels, filters])
}

/** [n, k, m] -> [n, (k - 1) rate + 1, m] with zeros between. */
function spread(x: tf.Tensor3D, rate: number): tf.Tensor3D {
  const [n, k, m] = x.shape
  const padded = tf.pad3d(tf.reshape(x, [n * k, 1, m]), [
    [0, 0],
    [0, rate - 1],
    [0, 0],
  ])
  return tf.slice3d(tf.reshape(padded, [n, k * rate, m]), [0, 0, 0], [n, (k - 1) * rate + 1, m])
}
