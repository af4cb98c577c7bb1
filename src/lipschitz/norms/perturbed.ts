import type { Enclosure } from '../../linalg/enclosure.ts'
import { downward, nextDown, upward } from '../../linalg/rounding.ts'

/**
 * |W - W_stored| <= factor |W_stored| elementwise, from a bound of the error relative to the true W: e / (1 - e). Infinity where
 * nothing is known; a NaN is nothing known, too.
 */
export function storedRelativeError(relativeError = 0): number {
  if (relativeError === 0) return 0
  return relativeError > 0 && relativeError < 0.5
    ? upward(relativeError / (1 - relativeError), 4)
    : Number.POSITIVE_INFINITY
}

/** (1 + e)(1 + f) - 1, rounded up: a product of two factors of relative errors e and f. Infinity where one is not known. */
export function jointRelativeError(e: number, f: number): number {
  const joint = upward(e + f + e * f, 3)
  // Infinity times an exact 0.
  return Number.isNaN(joint) ? Number.POSITIVE_INFINITY : joint
}

/** Widens the enclosure of the stored operator by a bound of |T - T_stored|. */
export function widen(enclosure: Enclosure, distance: number): Enclosure {
  if (distance === 0) return enclosure
  if (!Number.isFinite(distance)) return { ...enclosure, lower: 0, upper: Number.POSITIVE_INFINITY }
  return {
    ...enclosure,
    lower: Math.max(0, nextDown(enclosure.lower - distance)),
    upper: upward(enclosure.upper + distance, 1),
  }
}

/** Enclosure of the largest of several norms: a block-diagonal operator. */
export function largest(enclosures: readonly Enclosure[]): Enclosure {
  let top = enclosures[0]!
  // Written so that a NaN counts as the largest.
  for (const enclosure of enclosures) if (!(enclosure.upper <= top.upper)) top = enclosure
  return { ...top, lower: enclosures.reduce((most, { lower }) => Math.max(most, lower), 0) }
}

/** sqrt of an upper bound, rounded up. */
export function rootUp(square: number): number {
  return upward(Math.sqrt(square), 1)
}

/** sqrt of a lower bound, rounded down. */
export function rootDown(square: number): number {
  return downward(Math.sqrt(square), 1)
}

/**
 * Bound of |T - T_stored| from the relative error of each stored weight, || |T_stored| || and an absolute part. Where the error is
 * not known it is Infinity even for stored zeros.
 */
export function distanceTo(relative: number, absolute: number, perturbation = 0): number {
  if (relative === 0) return perturbation
  if (relative === Number.POSITIVE_INFINITY) return relative
  return upward(relative * absolute + perturbation, 3)
}
