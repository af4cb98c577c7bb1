/**
 * A two-sided bound of one real number, typically a spectral norm: `lower <= truth <= upper`, rounding of our own arithmetic
 * included on both sides. Never an estimate.
 */
export interface Enclosure {
  /** Attained: a Rayleigh quotient of a vector that was really applied, minus its rounding error. 0 when none is known. */
  readonly lower: number
  /** A theorem. Infinity when there is none. */
  readonly upper: number
  /** How `upper` was proved: 'twisted-circulant', 'dense-cholesky', 'torus', 'schur', 'closed-form', ... */
  readonly method: string
  /** Parameters of the proof worth printing: theta, periods, number of frequencies, slack. */
  readonly details?: Readonly<Record<string, number | string | readonly number[]>>
}
