import { showBound } from '../report/format-number.ts'
import type { GateReport, Report } from '../report/report.ts'
import type { Policy } from './policy.ts'

type Measured = Pick<Report, 'lipschitz' | 'certificates' | 'dataset' | 'shard'>

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
  const open = (message: string, status: GateReport['status'] = 'inconclusive'): readonly GateReport[] => [
    ...gates,
    { id: 'baseline:certified-accuracy', status, limit: null, value: null, message },
  ]
  if (!before.certificates) {
    // A baseline of the bound alone is one; a demand about accuracy that it cannot meet is not passed over.
    if (tolerance.maxAccuracyDrop === undefined && !now.certificates) return gates
    return open(
      'The baseline certifies no samples, so accuracy is not compared.',
      tolerance.maxAccuracyDrop === undefined ? 'noted' : 'inconclusive',
    )
  }
  if (!now.certificates || !isSameData(now, before))
    return open('The baseline certifies other samples than this report, so its accuracy cannot be compared.')
  const radii = Object.entries(before.certificates.certifiedAccuracy)
  if (!radii.some(([radius]) => now.certificates!.certifiedAccuracy[radius] !== undefined))
    return open('The baseline lists accuracy at other radii than this report, so it cannot be compared.')
  for (const [radius, was] of radii) {
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

/** The same positions of the same split, classes numbered alike. */
function isSameData({ dataset: a, shard: p }: Measured, { dataset: b, shard: q }: Measured): boolean {
  return (
    a?.name === b?.name &&
    a?.split === b?.split &&
    a?.samples === b?.samples &&
    a?.classes?.join('\n') === b?.classes?.join('\n') &&
    p?.index === q?.index &&
    p?.count === q?.count
  )
}
