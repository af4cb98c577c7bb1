import { showBound } from './format-number.ts'
import type { AttackReport, AttackStatus } from './report.ts'

const STATUS_ORDER: readonly AttackStatus[] = [
  'confirmed-violation',
  'candidate-violation',
  'nan',
  'tight',
  'open',
  'not-found',
  'misclassified',
]

/** One row an attack: name, provider, mean distance, smallest ratio to the certificate, samples by status. */
export function attackRows(attacks: readonly AttackReport[]): readonly (readonly string[])[] {
  return attacks.map((attack) => {
    const counts = STATUS_ORDER.flatMap((status) => {
      const count = attack.samples.filter((sample) => sample.status === status).length
      return count > 0 ? [`${count} ${status}`] : []
    })
    return [
      attack.name,
      attack.provider,
      attack.meanDistance === null ? '-' : attack.meanDistance.toFixed(4),
      attack.minRatio === null ? '-' : showBound(attack.minRatio, 'lower'),
      counts.join(', '),
    ]
  })
}
