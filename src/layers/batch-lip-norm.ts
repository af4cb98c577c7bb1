import { LipError } from '../errors.ts'
import { registerLayer } from './config/layer-registry.ts'
import { isTraining, LipschitzLayer, type LipschitzOptions, single, singleShape } from './lipschitz-layer.ts'
import { assign } from './reparametrised-layer.ts'
import * as tf from './tf.ts'

export interface BatchLipNormOptions extends LipschitzOptions {
  /** Subtract the mean of the batch (running mean in inference). Default true. */
  centering?: boolean
  useBias?: boolean
  /** Divide by the largest standard deviation of a channel, one number for all channels. Default true. */
  normalize?: boolean
  eps?: number
  /** Weight of the past in the running statistics. Default .99. */
  momentum?: number
  /** Strict: false lets the scale exceed 1, and with it the Lipschitz constant; `scale` tells which. Default true. */
  clipScale?: boolean
}

/**
 * Batch normalisation with one scale for all channels (deel-torchlip): (x - mean) s + bias, s = 1 / sqrt(max_c var_c), channels
 * last. The map in inference is affine with norm s; clipped to 1 by default, so the layer is kCoefLip-Lipschitz.
 *
 * Running statistics are means over the batches seen until 1 / n falls below 1 - momentum, exponential averages after: a pure
 * function of the training batches, which inference does not touch. (torchlip resets its sums when inference looks at them.)
 */
export class BatchLipNorm extends LipschitzLayer {
  static className = 'BatchLipNorm'
  readonly centering: boolean
  readonly useBias: boolean
  readonly normalize: boolean
  readonly eps: number
  readonly momentum: number
  readonly clipScale: boolean
  private bias: tf.LayerVariable | null = null
  private mean!: tf.LayerVariable
  private variance!: tf.LayerVariable
  private batches!: tf.LayerVariable

  constructor(options: BatchLipNormOptions = {}) {
    super(options)
    this.centering = options.centering ?? true
    this.useBias = options.useBias ?? true
    this.normalize = options.normalize ?? true
    this.eps = options.eps ?? 1e-5
    this.momentum = options.momentum ?? 0.99
    this.clipScale = options.clipScale ?? true
    if (!(this.momentum >= 0 && this.momentum < 1)) {
      throw new LipError('CONFIG_INVALID', `momentum of layer "${this.name}" must be in [0, 1), got ${this.momentum}.`)
    }
  }

  protected override computeLipCoef(): number {
    return 1
  }

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const channels = singleShape(inputShape).at(-1)!
    const zeros = tf.initializers.zeros()
    if (this.useBias) this.bias = this.addWeight('bias', [channels], 'float32', zeros)
    this.mean = this.addWeight('moving_mean', [channels], 'float32', zeros, undefined, false)
    this.variance = this.addWeight('moving_variance', [channels], 'float32', tf.initializers.ones(), undefined, false)
    this.batches = this.addWeight('batches', [1], 'float32', zeros, undefined, false)
    super.build(inputShape)
  }

  /** What inference multiplies with, kCoefLip included: the layer's Lipschitz constant. */
  scale(): number {
    return tf.tidy(() => tf.mul(this.scaleOf(this.variance.read()), this.kCoefLip).dataSync()[0]!)
  }

  private scaleOf(variance: tf.Tensor): tf.Tensor {
    if (!this.normalize) return tf.scalar(1)
    const largest = tf.max(variance)
    // torchlip: a variance below eps counts as 1.
    const safe = tf.where(tf.less(largest, this.eps), tf.onesLike(largest), largest)
    const scale = tf.div(1, tf.sqrt(safe))
    return this.clipScale ? tf.minimum(scale, 1) : scale
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Record<string, unknown>): tf.Tensor | tf.Tensor[] {
    return tf.tidy(() => {
      const x = single(inputs)
      const flat = tf.reshape(x, [-1, x.shape.at(-1)!])
      let mean = this.mean.read()
      let scale: tf.Tensor
      if (isTraining(kwargs)) {
        mean = tf.mean(flat, 0)
        const count = flat.shape[0]!
        const centred = tf.mean(tf.square(tf.sub(flat, mean)), 0)
        const variance = tf.mul(centred, count > 1 ? count / (count - 1) : 1)
        scale = this.trainingScale(variance)
        this.updateStatistics(mean, variance)
      } else {
        scale = this.scaleOf(this.variance.read())
      }
      const y = tf.mul(this.centering ? tf.sub(x, mean) : x, tf.mul(scale, this.kCoefLip))
      return this.bias === null ? y : tf.add(y, this.bias.read())
    })
  }

  /** The same scale, written without a condition on differentiated values (which TensorFlow.js cannot differentiate). */
  private trainingScale(variance: tf.Tensor): tf.Tensor {
    if (!this.normalize) return tf.scalar(1)
    const largest = tf.max(variance)
    if (largest.dataSync()[0]! < this.eps) return tf.scalar(1)
    const scale = tf.div(1, tf.sqrt(largest))
    return this.clipScale ? tf.minimum(scale, 1) : scale
  }

  private updateStatistics(mean: tf.Tensor, variance: tf.Tensor): void {
    const seen = this.batches.read().dataSync()[0]!
    const rate = Math.max(1 / (seen + 1), 1 - this.momentum)
    const blend = (variable: tf.LayerVariable, value: tf.Tensor): void =>
      assign(variable, tf.add(tf.mul(variable.read(), 1 - rate), tf.mul(value, rate)))
    blend(this.mean, mean)
    blend(this.variance, variance)
    assign(this.batches, tf.tensor1d([seen + 1]))
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {
      ...super.getConfig(),
      centering: this.centering,
      use_bias: this.useBias,
      normalize: this.normalize,
      eps: this.eps,
      momentum: this.momentum,
      clip_scale: this.clipScale,
    }
  }
}

registerLayer(BatchLipNorm)
