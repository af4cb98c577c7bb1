import type { AnyAttack } from './attack.ts'
import { FastGradient } from './fast-gradient.ts'
import { GaussianNoise } from './noise.ts'
import { type AttackInput, type AttackOutcome, attackSamples } from './run-attack.ts'
import { Square } from './square.ts'
import type { Victim } from './victim.ts'

/** One sign of gradient masking, looked for. */
export interface MaskingCheck {
  readonly id: 'single-step' | 'noise' | 'black-box' | 'unbounded' | 'zero-gradients'
  readonly passed: boolean
  readonly message: string
}

/**
 * Whether a white-box result can be believed (the checklist of arXiv 1902.06705): nothing weaker may find nearer points, every sample must
 * fall when the radius is unbounded, and gradients must not vanish. Runs one-step, noise and black-box attacks on the same samples.
 */
export async function checkMasking(
  victim: Victim,
  whiteBox: AttackOutcome,
  options: { readonly samples: readonly AttackInput[]; readonly seed?: number; readonly signal?: AbortSignal },
): Promise<readonly MaskingCheck[]> {
  const reference = new Map(whiteBox.report.samples.map(({ index, distance }) => [index, distance]))
  const rivals: readonly (readonly [MaskingCheck['id'], AnyAttack, Record<string, number>])[] = [
    ['single-step', FastGradient, {}],
    ['noise', GaussianNoise, {}],
    ['black-box', Square, { queries: 200, searchSteps: 3 }],
  ]
  const checks: MaskingCheck[] = []
  for (const [id, attack, parameters] of rivals) {
    if (attack.access === 'gradient' && !victim.oracle.gradient) continue
    const { report } = await attackSamples(attack, victim, { ...options, parameters })
    const beaten = report.samples.filter(({ index, distance }) => {
      const best = reference.get(index)
      return distance !== null && (best === null || best === undefined || distance < best * (1 - 1e-3))
    })
    checks.push({
      id,
      passed: beaten.length === 0,
      message:
        beaten.length === 0
          ? `${attack.name} found no point nearer than ${whiteBox.report.name} did`
          : `${attack.name} found nearer points than ${whiteBox.report.name} on ${beaten.length} of ${report.samples.length} ` +
            `samples (first: ${beaten[0]!.index}): its gradients mislead it`,
    })
  }
  const missed = whiteBox.report.samples.filter(({ status }) => status === 'not-found' || status === 'nan')
  checks.push({
    id: 'unbounded',
    passed: missed.length === 0,
    message:
      missed.length === 0
        ? `${whiteBox.report.name} found an adversarial for every sample`
        : `${whiteBox.report.name} found none for ${missed.length} samples (first: ${missed[0]!.index})`,
  })
  const { zeroGradients, gradients } = whiteBox.evidence
  checks.push({
    id: 'zero-gradients',
    passed: zeroGradients <= 0.01 * gradients,
    message: `${zeroGradients} of ${gradients} gradients vanished`,
  })
  return checks
}
