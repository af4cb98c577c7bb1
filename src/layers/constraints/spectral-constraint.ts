import { registerConstraint } from '../config/resolve-regularizer.ts'
import { uniformVector } from '../initializers/seeded-normal.ts'
import { checkRkoParameters } from '../normalizers/check-rko-parameters.ts'
import {
  DEFAULT_BETA_BJORCK,
  DEFAULT_EPS_BJORCK,
  DEFAULT_EPS_SPECTRAL,
  DEFAULT_MAXITER_BJORCK,
  DEFAULT_MAXITER_SPECTRAL,
} from '../normalizers/defaults.ts'
import { reshapedKernelOrthogonalization } from '../normalizers/reshaped-kernel-orthogonalization.ts'
import * as tf from '../tf.ts'

export interface SpectralConstraintOptions {
  kCoefLip?: number
  epsSpectral?: number
  epsBjorck?: number | null
  betaBjorck?: number | null
  /** Start of the power iteration, [columns]; null draws it from `seed` each time. */
  u?: readonly number[] | null
  seed?: number
}

/** Projects a kernel onto (nearly) orthogonal ones of norm kCoefLip; the strict form, whose result really has that norm. */
export class SpectralConstraint extends tf.Constraint {
  static className = 'SpectralConstraint'
  readonly options: Required<SpectralConstraintOptions>

  constructor(options: SpectralConstraintOptions = {}) {
    super()
    this.options = {
      kCoefLip: options.kCoefLip ?? 1,
      epsSpectral: options.epsSpectral ?? DEFAULT_EPS_SPECTRAL,
      epsBjorck: options.epsBjorck === undefined ? DEFAULT_EPS_BJORCK : options.epsBjorck,
      betaBjorck: options.betaBjorck === undefined ? DEFAULT_BETA_BJORCK : options.betaBjorck,
      u: options.u ?? null,
      seed: options.seed ?? 0,
    }
    checkRkoParameters(this.options.epsSpectral, this.options.epsBjorck, this.options.betaBjorck)
  }

  override apply(w: tf.Tensor): tf.Tensor {
    const { kCoefLip, u, seed, ...rest } = this.options
    return tf.tidy(() => {
      const columns = w.shape.at(-1)!
      const start = u === null ? uniformVector(columns, seed) : tf.tensor2d([...u], [1, columns])
      const limits = { maxiterSpectral: DEFAULT_MAXITER_SPECTRAL, maxiterBjorck: DEFAULT_MAXITER_BJORCK }
      return reshapedKernelOrthogonalization(w, start, kCoefLip, { ...rest, ...limits, compat: null }).wbar
    })
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...this.options, u: this.options.u === null ? null : [...this.options.u] }
  }
}

registerConstraint('SpectralConstraint', (options) => new SpectralConstraint(options))
