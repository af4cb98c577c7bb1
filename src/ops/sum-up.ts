/**
 * Sums, products and Euclidean norms of non-negative bounds, rounded up, and exact in the trivial cases, so that a network
 * whose constant is exactly 1 is proved to be.
 * @module
 */

/** An upper bound of a non-negative real whose float64 value carries at most `operations` roundings. */
export function roundUpBy(value: number, operations: number): number {
  return value === 0 ? 0 : value * (1 + (operations + 2) * 2 ** -52) + Number.MIN_VALUE
}

/** sqrt(sum of squares). A single value comes back as it is. */
export function hypotUp(values: readonly number[]): number {
  const nonzero = values.filter((value) => value !== 0)
  if (nonzero.length < 2) return Math.abs(nonzero[0] ?? 0)
  const largest = nonzero.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  if (!Number.isFinite(largest)) return Number.POSITIVE_INFINITY
  // Divided by the largest first, so that nothing overflows and what underflows is below the slack.
  const sum = nonzero.reduce((total, value) => total + (value / largest) ** 2, 0)
  return roundUpBy(largest * Math.sqrt(sum), nonzero.length + 6)
}

/** The sum of non-negative values. A single value comes back as it is. */
export function sumUp(values: readonly number[]): number {
  const nonzero = values.filter((value) => value !== 0)
  if (nonzero.length < 2) return nonzero[0] ?? 0
  return roundUpBy(
    nonzero.reduce((total, value) => total + value, 0),
    nonzero.length,
  )
}

/** The product of two non-negative values, exact where one of them is 0 or 1. */
export function timesUp(a: number, b: number): number {
  if (a === 0 || b === 0) return 0
  // A product that underflows is not 0: later factors may bring it back.
  return a === 1 ? b : b === 1 ? a : Math.max(roundUpBy(a * b, 1), Number.MIN_VALUE)
}
