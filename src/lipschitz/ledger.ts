import type { Analysis } from './analyse.ts'
import { predict, type Sample, stepsOf } from './certify.ts'

export interface LedgerEntry {
  readonly step: string
  readonly meanRadius: number
}

/**
 * Mean radius over the correctly classified samples after each step of the argument: what is claimed by the seed's rule,
 * what the proved constants of single logits make of it, what differences of two logits gain, what floating point costs.
 */
export function ledgerOf(analysis: Analysis, samples: Iterable<Sample>): LedgerEntry[] {
  let count = 0
  const sums = { seed: 0, norms: 0, pairs: 0, final: 0 }
  for (const sample of samples) {
    const truth = sample.logits.length === 1 ? (sample.label > 0 ? 1 : 0) : sample.label
    if (predict(sample.logits) !== truth) continue
    const steps = stepsOf(analysis, sample)
    count++
    for (const key of ['seed', 'norms', 'pairs', 'final'] as const)
      sums[key] += Math.min(steps[key], Number.MAX_VALUE / 1e6)
  }
  const mean = (sum: number): number => (count === 0 ? 0 : sum / count)
  return [
    { step: 'seed', meanRadius: mean(sums.seed) },
    { step: 'proved-norms', meanRadius: mean(sums.norms) },
    { step: 'pair-norms', meanRadius: mean(sums.pairs) },
    { step: 'floating-point', meanRadius: mean(sums.final) },
  ]
}
