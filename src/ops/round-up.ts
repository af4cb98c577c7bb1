/**
 * Closed-form constants, rounded up where float64 cannot hold them, and left exact where it can: sqrt(4) is 2, not 2 + 4e-16,
 * so that a network whose constant is exactly 1 is proved to be.
 * @module
 */

/** A double that is >= the true value of a result computed with at most two roundings. */
export function roundUp(value: number): number {
  return value * (1 + 2 ** -51)
}

/**
 * How much larger than the stored constant the real one may be: |c - stored| <= e |c| gives |c| <= |stored| / (1 - e). 1 for an
 * exact constant, Infinity where e says nothing; one multiplication by it is covered.
 */
export function trueShare(relativeError = 0): number {
  if (relativeError === 0) return 1
  return relativeError < 0.5 ? roundUp(1 / (1 - relativeError)) : Number.POSITIVE_INFINITY
}

/** sqrt(n), exact for squares of integers. */
export function sqrtUp(n: number): number {
  const root = Math.sqrt(n)
  return Number.isInteger(root) && root * root === n ? root : roundUp(root)
}

/** 1 / sqrt(n) for an integer n > 0, exact for powers of four. */
export function inverseSqrtUp(n: number): number {
  const root = Math.sqrt(n)
  return Number.isInteger(Math.log2(root)) && root * root === n ? 1 / root : roundUp(1 / root)
}

/**
 * (1 + u)^k - 1 in units of u, as Higham's g(k) / u = k / (1 - k u) with u = 2^-24; undefined when k is too large for it
 * to mean anything.
 */
export function ulpsOf(k: number): number | undefined {
  const share = k * 2 ** -24
  return share < 0.5 ? roundUp(k / (1 - share)) : undefined
}
