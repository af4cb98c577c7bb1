import { showBeside, showLimit } from '../report/format-number.ts'
import type { BoundReport, GateReport } from '../report/report.ts'

/**
 * Holds a proved bracket against a limit: proved below it, proved above it, or neither. `limit` is a double that does not
 * exceed the decimal meant (see limit.ts); the upper side must reach it, the lower side must pass it.
 */
export function boundGate(id: string, what: string, bound: BoundReport, limit: number, source: string): GateReport {
  const { lower, upper } = bound
  const limitText = `${source} ${showLimit(limit)}`
  if (lower > limit) {
    const message = `${what} is at least ${showBeside(lower, 'lower', limit)}, which exceeds the ${limitText}: violated, proved.`
    return { id, status: 'fail', limit, value: lower, message }
  }
  if (upper === null || !Number.isFinite(upper)) {
    return { id, status: 'inconclusive', limit, value: null, message: `No upper bound of ${what} could be proved.` }
  }
  if (upper <= limit) {
    const message = `${what} is at most ${showBeside(upper, 'upper', limit)}, within the ${limitText}.`
    return { id, status: 'pass', limit, value: upper, message }
  }
  const message = `${what} lies in [${showBeside(lower, 'lower', limit)}, ${showBeside(upper, 'upper', limit)}]: the ${limitText} is neither proved nor disproved.`
  return { id, status: 'inconclusive', limit, value: upper, message }
}
