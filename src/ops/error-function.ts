/**
 * erf and erfc to about 1e-15, which Math lacks: the positive series of Abramowitz and Stegun 7.1.6 near 0, the continued
 * fraction 7.1.14 in the tail.
 * @module
 */

const SWITCH = 2

export function erf(x: number): number {
  if (Number.isNaN(x)) return x
  return Math.abs(x) < SWITCH ? series(x) : Math.sign(x) * (1 - tail(Math.abs(x)))
}

/** 1 - erf(x), with a small relative error for large x too. */
export function erfc(x: number): number {
  if (Number.isNaN(x)) return x
  if (x < 1) return 1 - erf(x)
  return x < SWITCH ? tail(x, 200) : tail(x)
}

/** erf(x) = 2 / sqrt(pi) exp(-x^2) sum 2^n x^(2n+1) / (1 * 3 * ... * (2n+1)); all terms have one sign. */
function series(x: number): number {
  let term = x
  let sum = x
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1)
    sum += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
}

/** sqrt(pi) exp(x^2) erfc(x) = 1 / (x + (1/2) / (x + 1 / (x + (3/2) / (x + ...)))), evaluated from the inside. */
function tail(x: number, depth = 80): number {
  if (x > 30) return 0
  let fraction = x
  for (let n = depth; n > 0; n--) fraction = x + n / 2 / fraction
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction
}
