import { showBound } from '../report/format-number.ts'
import type { GateReport, Report } from '../report/report.ts'
import type { Policy } from './policy.ts'

type Measured = Pick<Report, 'lipschitz' | 'certificates' | 'dataset'>

/** Regressions of a report against that of an accepted model. */
export function baselineGates(
  now: Measured,
  before: Measured,
  tolerance: NonNullable<Policy['baseline']>,
): readonly GateReport[] {
  const gates: GateReport[] = []
  const { of } = now.lipschitz
  const [bound, accepted] = [now.lipschitz[of].upper, before.lipschitz[of].upper]
  const growth = tolerance.maxBoundIncrease ?? 0
  if (accepted !== null) {
    const limit = accepted * (1 + growth)
    const message =
      bound === null
        ? `The baseline has a proved bound (${showBound(accepted, 'upper')}), this model has none.`
        : `The bound is ${showBound(bound, 'upper')}; the baseline's is ${showBound(accepted, 'upper')}.`
    const status = bound === null ? 'inconclusive' : bound <= limit ? 'pass' : 'fail'
    gates.push({ id: 'baseline:lipschitz', status, limit, value: bound, message })
  }
  if (!before.certificates) return gates
  const same =
    now.dataset?.name === before.dataset?.name &&
    now.dataset?.split === before.dataset?.split &&
    now.dataset?.samples === before.dataset?.samples
  if (!now.certificates || !same) {
    const message = 'The baseline certifies other samples than this report, so its accuracy cannot be compared.'
    gates.push({ id: 'baseline:certified-accuracy', status: 'inconclusive', limit: null, value: null, message })
    return gates
  }
  for (const [radius, was] of Object.entries(before.certificates.certifiedAccuracy)) {
    const is = now.certificates.certifiedAccuracy[radius]
    if (is === undefined) continue
    const limit = was - (tolerance.maxAccuracyDrop ?? 0)
    gates.push({
      id: `baseline:certified-accuracy:${radius}`,
      status: is >= limit ? 'pass' : 'fail',
      limit,
      value: is,
      message: `Certified accuracy at radius ${radius} is ${(100 * is).toFixed(2)} %; the baseline's is ${(100 * was).toFixed(2)} %.`,
    })
  }
  return gates
}
