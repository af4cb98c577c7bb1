import { withSnakeKeys } from '../config/python-keys.ts'
import type { PythonObject } from '../config/serialized-object.ts'
import { deriveSeed } from '../derive-seed.ts'
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
import { type InitializerIdentifier, resolveInitializer, serializeInitializer } from './resolve-initializer.ts'
import { uniformVector } from './seeded-normal.ts'

export interface SpectralInitializerOptions {
  epsSpectral?: number
  epsBjorck?: number | null
  betaBjorck?: number | null
  kCoefLip?: number
  baseInitializer?: InitializerIdentifier
  /** Not in deel-lip: makes the draw reproducible. Default 0. */
  seed?: number | null
}

/**
 * A draw of `baseInitializer`, made (almost) orthogonal with norm `kCoefLip` by the reshaped-kernel orthogonalisation, no
 * convolution coefficient.
 */
export class SpectralInitializer extends tf.Initializer {
  static className = 'SpectralInitializer'
  readonly epsSpectral: number
  readonly epsBjorck: number | null
  readonly betaBjorck: number | null
  readonly kCoefLip: number
  readonly seed: number | null
  readonly baseInitializer: tf.Initializer

  constructor(options: SpectralInitializerOptions = {}) {
    super()
    this.epsSpectral = options.epsSpectral ?? DEFAULT_EPS_SPECTRAL
    this.epsBjorck = options.epsBjorck === undefined ? DEFAULT_EPS_BJORCK : options.epsBjorck
    this.betaBjorck = options.betaBjorck === undefined ? DEFAULT_BETA_BJORCK : options.betaBjorck
    this.kCoefLip = options.kCoefLip ?? 1
    this.seed = options.seed ?? null
    checkRkoParameters(this.epsSpectral, this.epsBjorck, this.betaBjorck)
    this.baseInitializer = resolveInitializer(options.baseInitializer ?? 'orthogonal', this.seed ?? 0)
  }

  override apply(shape: tf.Shape, dtype?: tf.DataType): tf.Tensor {
    return tf.tidy(() => {
      const base = this.baseInitializer.apply(shape, dtype)
      const u = uniformVector((shape as number[]).at(-1)!, deriveSeed(this.seed ?? 0, 'spectral-initializer'))
      return reshapedKernelOrthogonalization(base, u, this.kCoefLip, {
        epsSpectral: this.epsSpectral,
        epsBjorck: this.epsBjorck,
        betaBjorck: this.betaBjorck,
        maxiterSpectral: DEFAULT_MAXITER_SPECTRAL,
        maxiterBjorck: DEFAULT_MAXITER_BJORCK,
        compat: 'deel-lip',
      }).wbar
    })
  }

  override getConfig(): tf.serialization.ConfigDict {
    const base: PythonObject = serializeInitializer(this.baseInitializer)
    return withSnakeKeys({
      epsSpectral: this.epsSpectral,
      epsBjorck: this.epsBjorck,
      betaBjorck: this.betaBjorck,
      kCoefLip: this.kCoefLip,
      baseInitializer: base,
      seed: this.seed,
    }) as tf.serialization.ConfigDict
  }
}
