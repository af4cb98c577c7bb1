import type { AttackOutcome } from '../attacks/index.ts'
import type { AttackReport } from '../report/report.ts'
import type { Samples } from './samples.ts'

/** What `attack` reports: each attack, and the best of all of them together. */
export interface AttackFindings {
  readonly samples: number
  readonly attacks: readonly AttackReport[]
  /** L2 radius -> share of samples that are classified correctly and that no attack changed within it. */
  readonly robustAccuracy: Readonly<Record<string, number>>
  /** Smallest L2 distance of any attack by sample; 0 = misclassified, null = none found. */
  readonly best: readonly { readonly index: number; readonly distance: number | null; readonly attack: string | null }[]
  /** False when time or an interrupt cut it short. */
  readonly complete: boolean
}

/** Joins the outcomes of several attacks on the same samples; `planned` is how many attacks were asked for. */
export function attackOutcome(
  outcomes: readonly AttackOutcome[],
  planned: number,
  samples: Samples,
  radii: readonly number[],
): AttackFindings {
  const best = new Map<number, { distance: number; attack: string }>()
  for (const { report } of outcomes) {
    for (const { index, distance } of report.samples) {
      if (distance === null || distance >= (best.get(index)?.distance ?? Number.POSITIVE_INFINITY)) continue
      best.set(index, { distance, attack: report.name })
    }
  }
  const count = samples.indices.length
  const standing = (radius: number) =>
    samples.indices.filter((index) => !((best.get(index)?.distance ?? Number.POSITIVE_INFINITY) <= radius)).length
  return {
    samples: count,
    attacks: outcomes.map((outcome) => outcome.report),
    robustAccuracy: Object.fromEntries(radii.map((radius) => [radius, standing(radius) / count])),
    best: samples.indices.map((index) => ({
      index,
      distance: best.get(index)?.distance ?? null,
      attack: best.get(index)?.attack ?? null,
    })),
    complete: outcomes.length === planned && outcomes.every((outcome) => outcome.ended === 'finished'),
  }
}
