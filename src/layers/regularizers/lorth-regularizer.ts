import { LipError } from '../../errors.ts'
import { registerRegularizer } from '../config/resolve-regularizer.ts'
import { conv2d } from '../kernels/conv2d.ts'
import * as tf from '../tf.ts'

export interface LorthOptions {
  /** HWIO; null takes it from the kernel. */
  kernelShape?: readonly number[] | null
  stride?: number
  lambdaLorth?: number
  dim?: number
  convTranspose?: boolean
}

/**
 * lambda (||K * K - I||_F^2 - max(0, M - S^2 C)): zero exactly when the stride-S convolution with kernel K (R x R, C -> M) is
 * orthogonal on the infinite grid (Achour, Malgouyres, Mamalet 2022, arXiv:2108.05623).
 *
 * A transposed convolution keeps its kernel as the convolution that it is the adjoint of does, [R, R, out, in]: K * K is the
 * same. deel-lip subtracts max(0, C - S^2 M) of it, a constant that no gradient sees.
 */
export class LorthRegularizer extends tf.Regularizer {
  static className = 'LorthRegularizer'
  kernelShape: readonly number[] | null
  readonly stride: number
  readonly lambdaLorth: number
  readonly dim: number
  readonly convTranspose: boolean

  constructor(options: LorthOptions = {}) {
    super()
    this.kernelShape = null
    this.stride = options.stride ?? 1
    this.lambdaLorth = options.lambdaLorth ?? 1
    this.dim = options.dim ?? 2
    this.convTranspose = options.convTranspose ?? false
    if (this.dim !== 2) throw new LipError('CONFIG_INVALID', 'Only 2D convolutions are supported for Lorth.')
    if (options.kernelShape) this.setKernelShape(options.kernelShape)
  }

  /** @throws LipError where no kernel of that shape can be orthogonal */
  setKernelShape(shape: readonly number[]): void {
    const [size, , c, m] = shape as [number, number, number, number]
    const s = this.stride
    if (size % 2 === 0) throw new LipError('CONFIG_INVALID', 'Lorth regularizer requires odd kernels.')
    if (c * s * s >= m) {
      if (m > c * size * size) {
        throw new LipError(
          'CONFIG_INVALID',
          `Impossible RO configuration for orthogonal convolution: M=${m} > C R^2=${c * size ** 2}.`,
        )
      }
    } else if (s > size) {
      throw new LipError(
        'CONFIG_INVALID',
        `Impossible CO configuration for orthogonal convolution: S=${s} > R=${size}.`,
      )
    }
    if (c * s * s === m) {
      process.emitWarning(
        `LorthRegularizer: configuration C=${c}, M=${m} and S=${s} is hard to optimize.`,
        'UserWarning',
      )
    }
    this.kernelShape = shape
  }

  override apply(x: tf.Tensor): tf.Scalar {
    if (this.kernelShape === null) this.setKernelShape(x.shape)
    return tf.tidy(() => {
      const kernel = x as tf.Tensor4D
      const [size, , c, m] = kernel.shape
      const s = this.stride
      const padding = Math.floor((size - 1) / s) * s
      // The kernel's own filters as M images of C channels.
      const images = tf.transpose(kernel, [3, 0, 1, 2]) as tf.Tensor4D
      const self = conv2d(images, kernel, {
        strides: [s, s],
        padding: { top: padding, bottom: padding, left: padding, right: padding },
      })
      const center = Math.floor(self.shape[1] / 2)
      const identity = tf.pad(tf.reshape(tf.eye(m), [m, 1, 1, m]), [
        [0, 0],
        [center, self.shape[1] - center - 1],
        [center, self.shape[2] - center - 1],
        [0, 0],
      ])
      const defect = tf.sum(tf.square(tf.sub(self, identity)))
      const delta = this.convTranspose ? c - s * s * m : m - s * s * c
      return tf.mul(tf.sub(defect, Math.max(0, delta)), this.lambdaLorth)
    })
  }

  override getConfig(): tf.serialization.ConfigDict {
    const { stride, lambdaLorth, dim, convTranspose, kernelShape } = this
    return { kernelShape: kernelShape === null ? null : [...kernelShape], stride, lambdaLorth, dim, convTranspose }
  }
}

registerRegularizer('LorthRegularizer', (options) => new LorthRegularizer(options))
