import { LipError } from '../errors.ts'
import { registerLayer } from './config/layer-registry.ts'
import { imageShape } from './conv-options.ts'
import { deriveSeed } from './derive-seed.ts'
import { Orthogonal } from './initializers/orthogonal.ts'
import { LipConv2D, type LipConv2DOptions } from './lip-conv2d.ts'
import { blockKernel, composeKernels, projector, reflectionKernel } from './normalizers/block-convolution.ts'
import { checkRkoParameters } from './normalizers/check-rko-parameters.ts'
import { DEFAULT_BETA_BJORCK, DEFAULT_EPS_BJORCK } from './normalizers/defaults.ts'
import { safeOrthogonalization } from './normalizers/safe-orthogonalization.ts'
import { roundingMargin } from './normalizers/sound-norm-bound.ts'
import type { EffectiveWeights } from './reparametrised-layer.ts'
import * as tf from './tf.ts'

export interface OrthoConv2DOptions extends LipConv2DOptions {
  epsBjorck?: number
  betaBjorck?: number
  maxiterBjorck?: number
}

/**
 * Adaptive orthogonal convolution (Boissin et al. 2025, arXiv:2501.08139): a block convolution of 2x2 orthogonal kernels
 * (stride 1), then an s x s kernel orthogonal as a matrix (stride s). Exactly orthogonal with circular padding (the default), up
 * to the tolerance of Björck; with zero padding at most 1. Square kernels, k >= s.
 *
 * Free variable: the stack [2 (k - s + 1), c, c / 2] of the blocks' bases, c the larger channel count; with strides also
 * `kernel_stride` [s s inner, filters].
 */
export class OrthoConv2D extends LipConv2D {
  static className = 'OrthoConv2D'
  readonly epsBjorck: number
  readonly betaBjorck: number
  readonly maxiterBjorck: number
  private strideKernel: tf.LayerVariable | null = null
  private inputChannels = 0

  constructor(options: OrthoConv2DOptions) {
    super(options, 'circular')
    this.epsBjorck = options.epsBjorck ?? DEFAULT_EPS_BJORCK / 100
    this.betaBjorck = options.betaBjorck ?? DEFAULT_BETA_BJORCK
    this.maxiterBjorck = options.maxiterBjorck ?? 25
    checkRkoParameters(1, this.epsBjorck, this.betaBjorck)
    const [kh, kw] = this.kernelSize
    const [sy, sx] = this.strides
    if (kh !== kw || sy !== sx)
      throw new LipError('CONFIG_INVALID', 'OrthoConv2D needs square kernels and equal strides')
    if (kh < sy) throw new LipError('CONFIG_INVALID', 'OrthoConv2D needs a kernel at least as large as its stride')
  }

  /** Kernel size of the stride-1 part, and the channels between the two parts. */
  private blocks(): { size: number; stride: number; inner: number } {
    const stride = this.strides[0]
    const inner = stride === 1 ? this.filters : Math.max(this.inputChannels, Math.ceil(this.filters / stride ** 2))
    return { size: this.kernelSize[0] - stride + 1, stride, inner }
  }

  protected override kernelShape(inputShape: tf.Shape): number[] {
    this.inputChannels = imageShape(inputShape, this.dataFormat, this.name)[2]
    const { size, inner } = this.blocks()
    const c = Math.max(this.inputChannels, inner)
    return [2 * size, c, Math.max(1, Math.floor(c / 2))]
  }

  protected override effectiveShape(inputShape: tf.Shape): number[] {
    return [...this.kernelSize, imageShape(inputShape, this.dataFormat, this.name)[2], this.filters]
  }

  protected override addState(): readonly tf.LayerVariable[] {
    const { stride, inner } = this.blocks()
    if (stride === 1) return []
    const initializer = new Orthogonal({ seed: deriveSeed(this.seed, this.name, 'kernel_stride') })
    const shape = [stride * stride * inner, this.filters]
    this.strideKernel = this.addWeight('kernel_stride', shape, 'float32', initializer as never, undefined, true)
    return [this.strideKernel]
  }

  protected override reparametrise(kernel: tf.Tensor): EffectiveWeights {
    const { stride, inner } = this.blocks()
    const [count, c] = kernel.shape as [number, number, number]
    const options = { eps: this.epsBjorck, beta: this.betaBjorck, maxiter: this.maxiterBjorck }
    const projectors = tf.unstack(kernel).map((q) => projector(safeOrthogonalization(q as tf.Tensor2D, options)))
    let whole = reflectionKernel(projectors[0]!, projectors[1]!)
    for (let i = 2; i < count; i += 2) whole = composeKernels(whole, blockKernel(projectors[i]!, projectors[i + 1]!))
    // Dropping input channels of an orthogonal operator leaves an isometry, dropping output channels a projection of one.
    if (c > this.inputChannels || c > inner) {
      const [kh, kw] = whole.shape
      whole = tf.slice(whole, [0, 0, 0, 0], [kh, kw, this.inputChannels, inner])
    }
    if (this.strideKernel !== null) {
      // Patches of an s x s kernel with stride s are disjoint: the operator's norm is the matrix's.
      const matrix = safeOrthogonalization(this.strideKernel.read() as tf.Tensor2D, options)
      whole = composeKernels(whole, tf.reshape(matrix, [stride, stride, inner, this.filters]))
    }
    const slack = 1 - (count + 2) * roundingMargin(c)
    return { kernel: tf.mul(whole, this.getCoef() * slack) }
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {
      ...super.getConfig(),
      eps_bjorck: this.epsBjorck,
      beta_bjorck: this.betaBjorck,
      maxiter_bjorck: this.maxiterBjorck,
    }
  }
}

registerLayer(OrthoConv2D)
