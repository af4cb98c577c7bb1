/**
 * Limits are decimals that a person wrote; a bound is compared with the largest double that does not exceed the decimal,
 * so that "proved <= 1.1" is about 1.1 and not about the double next to it (docs/soundness.md 13).
 * @module
 */
import { LipError } from '../errors.ts'

/** A finite double as an exact fraction numerator / 2^exponent. */
function exactly(value: number): { readonly numerator: bigint; readonly exponent: bigint } {
  let exponent = 0n
  let scaled = value
  // Multiplying by two is exact here: limits are far from overflow.
  while (!Number.isInteger(scaled)) {
    scaled *= 2
    exponent++
  }
  return { numerator: BigInt(scaled), exponent }
}

/** The next double towards minus infinity, for value > 0. */
function below(value: number): number {
  const bits = new BigUint64Array(new Float64Array([value]).buffer)
  bits[0]!--
  return new Float64Array(bits.buffer)[0]!
}

/**
 * The largest double <= the decimal.
 * @param text a positive decimal such as `1`, `1.05` or `1e-3`
 * @throws LipError USAGE when it is not one
 */
export function parseLimit(text: string, name: string): number {
  const match = /^\+?(\d+)(?:\.(\d+))?(?:e([+-]?\d{1,2}))?$/i.exec(text.trim())
  const value = Number(text)
  if (!match || !(value > 0 && value < Number.POSITIVE_INFINITY)) {
    throw new LipError('USAGE', `${name} must be a positive number, and '${text}' is none.`)
  }
  const fraction = match[2] ?? ''
  const power = BigInt(Number(match[3] ?? 0) - fraction.length)
  const digits = BigInt(match[1]! + fraction)
  const { numerator, exponent } = exactly(value)
  // value > decimal, cross-multiplied: numerator * 10^-power > digits * 2^exponent, with both powers made non-negative.
  const left = numerator * 10n ** (power < 0n ? -power : 0n)
  const right = digits * 2n ** exponent * 10n ** (power > 0n ? power : 0n)
  return left > right ? below(value) : value
}

/** The same for a number that came from JSON, taken as the shortest decimal that names it. */
export function limitOf(value: number, name: string): number {
  return parseLimit(String(value), name)
}
