import { type Access, type AnyAttack, defineAttack, type Parameters } from './attack.ts'
import { diagonal, farthest, type Norm } from './projection.ts'
import type { Task } from './query.ts'
import type { Sample } from './sample.ts'
import { sectionSearch } from './section-search.ts'

/**
 * One try inside a ball. Returns whether an adversarial was observed.
 * @param trial keys the random stream: every try of a search is a new one
 */
export type Attempt<P> = (sample: Sample, epsilon: number, parameters: P, trial: number) => Task<boolean>

/** Parameters that every fixed-radius attack has. */
export const SEARCH_DEFAULTS = {
  /** Radius in the attack's norm; 0 = look for the smallest radius that succeeds, sample by sample. */
  epsilon: 0,
  searchSteps: 8,
}

/** A fixed-radius attack that also serves as a minimal one: doubles the radius until it succeeds, then bisects. */
export function epsilonAttack<P extends Parameters>(attack: {
  readonly name: string
  readonly norm: Norm
  readonly access: Access
  readonly defaults: P
  readonly attempt: Attempt<P>
}): AnyAttack {
  const { attempt, ...rest } = attack
  return defineAttack({
    ...rest,
    goal: 'epsilon',
    defaults: { ...SEARCH_DEFAULTS, ...attack.defaults },
    *run(sample: Sample, parameters: P & typeof SEARCH_DEFAULTS) {
      if (parameters.epsilon > 0) {
        yield* attempt(sample, parameters.epsilon, parameters, 0)
        return
      }
      yield* searchRadius(sample, attack.norm, parameters.searchSteps, (epsilon, trial) =>
        attempt(sample, epsilon, parameters, trial),
      )
      yield* sectionSearch(sample)
    },
  })
}

/** Per-sample search for the smallest radius at which `attempt` succeeds. */
export function* searchRadius(
  sample: Sample,
  norm: Norm,
  steps: number,
  attempt: (epsilon: number, trial: number) => Task<boolean>,
): Task {
  const limit = farthest(sample, norm)
  const known = sample.best.distance
  let trial = 0
  let low = 0
  let epsilon = known < Infinity ? known : Math.min(limit, firstRadius(sample, norm))
  while (known === Infinity) {
    if (yield* attempt(epsilon, trial++)) break
    if (epsilon >= limit) return
    low = epsilon
    epsilon = Math.min(limit, 2 * epsilon)
  }
  for (let step = 0; step < steps && !sample.settled(); step++) {
    const high = sample.best.distance
    if (!(high > low * (1 + 1e-3))) return
    const middle = (low + high) / 2
    if (!(yield* attempt(middle, trial++))) low = middle
  }
}

/** A radius worth a first try: half again the certificate, or two per cent of the box. */
function firstRadius({ certificate, domain }: Sample, norm: Norm): number {
  const radius = certificate?.radius ?? 0
  if (norm === 'l2') return radius > 0 ? 1.5 * radius : 0.02 * diagonal(domain)
  return radius > 0 ? (3 * radius) / Math.sqrt(domain.size) : (0.02 * diagonal(domain)) / Math.sqrt(domain.size)
}
