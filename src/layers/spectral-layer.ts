import { withSnakeKeys } from './config/python-keys.ts'
import { deriveSeed } from './derive-seed.ts'
import { SeededNormal } from './initializers/seeded-normal.ts'
import { checkRkoParameters } from './normalizers/check-rko-parameters.ts'
import {
  DEFAULT_BETA_BJORCK,
  DEFAULT_EPS_BJORCK,
  DEFAULT_EPS_SPECTRAL,
  DEFAULT_MAXITER_BJORCK,
  DEFAULT_MAXITER_SPECTRAL,
  type RkoOptions,
} from './normalizers/defaults.ts'
import { reshapedKernelOrthogonalization } from './normalizers/reshaped-kernel-orthogonalization.ts'
import {
  assign,
  type EffectiveWeights,
  ReparametrisedLayer,
  type ReparametrisedOptions,
} from './reparametrised-layer.ts'
import * as tf from './tf.ts'

export interface SpectralOptions extends ReparametrisedOptions {
  epsSpectral?: number
  epsBjorck?: number | null
  betaBjorck?: number | null
  maxiterSpectral?: number
  maxiterBjorck?: number
  /** deel-lip's set_stop_grad_spectral, per layer; read in compat mode. Default true. */
  stopGradSpectral?: boolean
}

/** Layers whose kernel goes through the reshaped-kernel orthogonalisation: state u ("sn") and sigma. */
export abstract class SpectralLayer extends ReparametrisedLayer {
  readonly rko: RkoOptions
  /** u of the power iteration ("sn"). */
  protected vector!: tf.LayerVariable
  private sigma!: tf.LayerVariable

  constructor(options: SpectralOptions) {
    super(options, 'SpectralInitializer')
    const notebook = this.compat === 'deel-lip-1.2'
    this.rko = {
      epsSpectral: options.epsSpectral ?? DEFAULT_EPS_SPECTRAL,
      epsBjorck: options.epsBjorck === undefined ? DEFAULT_EPS_BJORCK : options.epsBjorck,
      betaBjorck: options.betaBjorck === undefined ? (notebook ? 0.25 : DEFAULT_BETA_BJORCK) : options.betaBjorck,
      maxiterSpectral: options.maxiterSpectral ?? (notebook ? 3 : DEFAULT_MAXITER_SPECTRAL),
      maxiterBjorck: options.maxiterBjorck ?? DEFAULT_MAXITER_BJORCK,
      stopGradSpectral: options.stopGradSpectral ?? true,
      compat: this.compat,
    }
    checkRkoParameters(this.rko.epsSpectral, this.rko.epsBjorck, this.rko.betaBjorck)
  }

  protected override addState(kernelShape: number[]): readonly tf.LayerVariable[] {
    const columns = this.stateColumns(kernelShape)
    const seed = deriveSeed(this.seed, this.name, 'sn')
    this.vector = this.addWeight('sn', [1, columns], 'float32', new SeededNormal({ seed }) as never, undefined, false)
    const ones = { apply: () => tf.ones([1, 1]) }
    this.sigma = this.addWeight('sigma', [1, 1], 'float32', ones as never, undefined, false)
    // sigma is an output only: what inference uses depends on kernel and u.
    return [this.vector]
  }

  /** Length of u: columns of the matrix that is orthogonalised. */
  protected stateColumns(kernelShape: number[]): number {
    return kernelShape.at(-1)!
  }

  protected override reparametrise(kernel: tf.Tensor): EffectiveWeights {
    const result = reshapedKernelOrthogonalization(kernel, this.vector.read() as tf.Tensor2D, this.getCoef(), this.rko)
    return { kernel: result.wbar, u: result.u, sigma: result.sigma }
  }

  protected override writeState({ u, sigma }: EffectiveWeights): void {
    if (u !== undefined) assign(this.vector, u)
    if (sigma !== undefined) assign(this.sigma, sigma)
  }

  override getConfig(): tf.serialization.ConfigDict {
    const { epsSpectral, epsBjorck, betaBjorck, maxiterSpectral, maxiterBjorck, stopGradSpectral } = this.rko
    return {
      ...super.getConfig(),
      ...(withSnakeKeys({
        epsSpectral,
        epsBjorck,
        betaBjorck,
        maxiterSpectral,
        maxiterBjorck,
        ...(stopGradSpectral === false ? { stopGradSpectral } : {}),
      }) as tf.serialization.ConfigDict),
    }
  }
}
