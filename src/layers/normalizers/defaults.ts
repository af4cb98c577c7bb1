import type * as tf from '../tf.ts'

/** deel-lip's defaults (module `normalizers`). */
export const DEFAULT_EPS_SPECTRAL = 1e-3
export const DEFAULT_EPS_BJORCK = 1e-3
export const DEFAULT_BETA_BJORCK = 0.5
export const DEFAULT_MAXITER_SPECTRAL = 10
export const DEFAULT_MAXITER_BJORCK = 15

/**
 * Whose numbers to reproduce. `null` is strict: coefficients are bounds, and the effective kernel really has norm <= k.
 * 'deel-lip' is version 1.5.1, 'deel-lip-1.2' is version 1.2.0, which made the 2021 notebook.
 */
export type Compat = 'deel-lip' | 'deel-lip-1.2' | null

export interface RkoOptions {
  readonly epsSpectral: number
  /** null: spectral normalisation only, at most k-Lipschitz instead of k almost everywhere. */
  readonly epsBjorck: number | null
  readonly betaBjorck: number | null
  readonly maxiterSpectral: number
  readonly maxiterBjorck: number
  readonly compat: Compat
  /** deel-lip's set_stop_grad_spectral: false also differentiates the power iteration. Used in compat only; default true. */
  readonly stopGradSpectral?: boolean
}

export interface RkoResult {
  /** Same shape as the kernel. */
  readonly wbar: tf.Tensor
  /** [1, columns] */
  readonly u: tf.Tensor2D
  /** [1, 1]: norm estimate of the raw kernel, from below. */
  readonly sigma: tf.Tensor2D
}
