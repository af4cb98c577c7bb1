import type { AttackRunReport } from './attack-run.ts'
import { showShare } from './format-number.ts'

export interface AttackSummary {
  readonly samples: number
  /** Classified correctly as they are. */
  readonly correct: number
  /** Correct samples for which an adversarial was found. */
  readonly found: number
  /** Over those; null when there are none. */
  readonly mean: number | null
  readonly median: number | null
  /** Radii of the table in increasing order (JavaScript puts integer keys first, whatever the order written). */
  readonly radii: readonly (readonly [radius: string, share: number])[]
}

/** The figures that every format shows. */
export function summariseAttacks({
  best,
  robustAccuracy,
}: Pick<AttackRunReport, 'best' | 'robustAccuracy'>): AttackSummary {
  const distances = best.flatMap(({ distance }) => (distance === null || distance === 0 ? [] : [distance]))
  distances.sort((a, b) => a - b)
  const count = distances.length
  const middle = [distances[(count - 1) >> 1], distances[count >> 1]] as const
  return {
    samples: best.length,
    correct: best.filter(({ distance }) => distance !== 0).length,
    found: count,
    mean: count === 0 ? null : distances.reduce((sum, d) => sum + d, 0) / count,
    median: count === 0 ? null : (middle[0]! + middle[1]!) / 2,
    radii: Object.entries(robustAccuracy).sort(([a], [b]) => Number(a) - Number(b)),
  }
}

/** One sentence about what was found. */
export function attackSentence({ samples, correct, found, mean, median }: AttackSummary): string {
  const start = `${samples} samples: accuracy ${showShare(samples === 0 ? 0 : correct / samples)}; `
  if (mean === null || median === null) return `${start}no attack found an adversarial.`
  return `${start}adversarials of ${found} of ${correct} correct ones, L2 distance mean ${mean.toFixed(4)}, median ${median.toFixed(4)}.`
}
