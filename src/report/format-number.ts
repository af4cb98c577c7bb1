/** Text of a number that never promises more than the number: rounded up on the upper side, down on the lower. */
export function showBound(value: number | null, side: 'lower' | 'upper', digits = 6): string {
  if (value === null || !Number.isFinite(value)) return 'unbounded'
  if (value === 0) return '0'
  const text = value.toPrecision(digits)
  const shown = Number(text)
  if (side === 'upper' ? shown >= value : shown <= value) return trim(text)
  const step = 10 ** (Math.floor(Math.log10(Math.abs(value))) - digits + 1)
  return trim((side === 'upper' ? shown + step : shown - step).toPrecision(digits))
}

/** The same with as many digits as it takes to be seen on its side of a limit that is near. */
export function showBeside(value: number | null, side: 'lower' | 'upper', limit: number): string {
  if (value === null || !Number.isFinite(value)) return 'unbounded'
  for (let digits = 6; digits < 17; digits++) {
    const text = showBound(value, side, digits)
    if (Number(text) > limit === value > limit && (Number(text) !== limit || value === limit)) return text
  }
  return String(value)
}

/** Drops zeros behind the point that say nothing; leaves exponents alone. */
function trim(text: string): string {
  return text.includes('.') && !text.includes('e') ? text.replace(/\.?0+$/, '') : text
}

/** `[lower, upper]` as text. */
export function showBracket(bound: { readonly lower: number; readonly upper: number | null }): string {
  return `[${showBound(bound.lower, 'lower')}, ${showBound(bound.upper, 'upper')}]`
}

/** A share as a percentage, rounded down so that 99.996 % is not shown as 100 %. */
export function showShare(share: number): string {
  // The tiny addition keeps 0.57, which is no double, from becoming 56.99 %.
  return `${(Math.floor(share * 10_000 + 1e-6) / 100).toFixed(2)} %`
}

/** A radius or distance in input units, rounded down. */
export function showRadius(value: number | null): string {
  return value === null ? 'none' : (Math.floor(value * 10_000) / 10_000).toFixed(4)
}

/** A limit as the person wrote it: it is held as the largest double below that decimal, whose own digits are noise. */
export function showLimit(limit: number): string {
  return String(Number(limit.toPrecision(12)))
}
