import type { BoundReport, GateReport } from '../report/report.ts'

/** A bound as it is shown: six digits, rounded up for an upper and down for a lower, so that text never promises more. */
export function showBound(value: number, side: 'lower' | 'upper'): string {
  if (!Number.isFinite(value)) return 'unbounded'
  if (value === 0) return '0'
  const text = value.toPrecision(7)
  const shown = Number(text)
  if (side === 'upper' ? shown >= value : shown <= value) return text.replace(/\.?0+$/, '')
  const step = 10 ** (Math.floor(Math.log10(Math.abs(value))) - 6)
  return (side === 'upper' ? shown + step : shown - step).toPrecision(7).replace(/\.?0+$/, '')
}

/**
 * Holds a proved bracket against a limit: proved below it, proved above it, or neither. `limit` is a double that does not
 * exceed the decimal meant (see limit.ts); the upper side must reach it, the lower side must pass it.
 */
export function boundGate(id: string, what: string, bound: BoundReport, limit: number, source: string): GateReport {
  const { lower, upper } = bound
  const limitText = `${source} ${limit}`
  if (lower > limit) {
    const message = `${what} is at least ${showBound(lower, 'lower')}, which exceeds the ${limitText}: violated, proved.`
    return { id, status: 'fail', limit, value: lower, message }
  }
  if (upper === null || !Number.isFinite(upper)) {
    return { id, status: 'inconclusive', limit, value: null, message: `No upper bound of ${what} could be proved.` }
  }
  if (upper <= limit) {
    const message = `${what} is at most ${showBound(upper, 'upper')}, within the ${limitText}.`
    return { id, status: 'pass', limit, value: upper, message }
  }
  const message = `${what} lies in [${showBound(lower, 'lower')}, ${showBound(upper, 'upper')}]: the ${limitText} is neither proved nor disproved.`
  return { id, status: 'inconclusive', limit, value: upper, message }
}
