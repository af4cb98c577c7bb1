/**
 * Attacks on a model by name, with what the command line and the report want of them.
 * @module
 */
import {
  type AttackOutcome,
  type OpenedVictim,
  type Parameters,
  runAttack,
  type SampleCertificate,
} from '../attacks/index.ts'
import type { Samples } from './samples.ts'

export interface AttackPlan {
  readonly names: readonly string[]
  readonly parameters?: Parameters
  readonly seed: number
  readonly batch?: number
  /** Positions in the split to attack. */
  readonly indices: readonly number[]
  readonly certificates?: ReadonlyMap<number, SampleCertificate>
  readonly onProgress?: (name: string, done: number, total: number, best: number | null) => void
  readonly signal?: AbortSignal | undefined
  /** `performance.now()` at which to stop; what was found by then is kept. */
  readonly deadline?: number | undefined
}

/** Runs the attacks one after another on the same samples. */
export async function runAttacks(
  victim: OpenedVictim,
  samples: Samples,
  plan: AttackPlan,
): Promise<readonly AttackOutcome[]> {
  const { data } = samples
  const inputs = plan.indices.map((index) => ({ index, label: data.label(index), image: data.image(index) }))
  const outcomes: AttackOutcome[] = []
  for (const name of plan.names) {
    const left = plan.deadline === undefined ? undefined : plan.deadline - performance.now()
    if (left !== undefined && left <= 0) break
    outcomes.push(
      await runAttack(name, victim, {
        samples: inputs,
        seed: plan.seed,
        ...(plan.parameters && { parameters: plan.parameters }),
        ...(plan.batch !== undefined && { batch: plan.batch }),
        ...(plan.certificates && { certificates: plan.certificates }),
        ...(plan.signal && { signal: plan.signal }),
        ...(left !== undefined && { timeBudget: left }),
        onProgress: ({ done, total, distance }) => plan.onProgress?.(name, done, total, distance),
      }),
    )
    if (plan.signal?.aborted) break
  }
  return outcomes
}
