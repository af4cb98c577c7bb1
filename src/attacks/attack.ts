/**
 * What an attack is: a name, its defaults, and a coroutine that looks for adversarials of one sample.
 * @module
 */
import { LipError } from '../errors.ts'
import type { Norm } from './projection.ts'
import type { Task } from './query.ts'
import type { Sample } from './sample.ts'

export type Parameters = Readonly<Record<string, number | string | boolean>>

/** Logits attacks see no gradient: weaker, and usable on any network. */
export type Access = 'gradient' | 'logits'

export interface Attack<P extends Parameters = Parameters> {
  readonly name: string
  readonly norm: Norm
  readonly access: Access
  /** 'minimal' looks for the nearest adversarial, 'epsilon' for any within a radius (and for the nearest by searching radii). */
  readonly goal: 'minimal' | 'epsilon'
  readonly defaults: P
  /** All samples must run in step, because they share a number (foolbox's batch-summed early abort). */
  readonly lockstep?: (parameters: P) => boolean
  /** Finds are reported to `sample.observe`; the coroutine's end means that the attack has done what it can. */
  run(sample: Sample, parameters: P): Task
}

/** An attack as the registry holds it: parameters are checked against the defaults before `run` sees them. */
export type AnyAttack = Attack<Parameters>

/** Hides the parameter type once parameters are known to be complete. */
export function defineAttack<P extends Parameters>(attack: Attack<P>): AnyAttack {
  return attack as unknown as AnyAttack
}

/** Defaults overridden by the caller's values. @throws LipError USAGE on an unknown name or a value of another type. */
export function completeParameters(attack: AnyAttack, given: Parameters = {}): Parameters {
  for (const [name, value] of Object.entries(given)) {
    const fallback = attack.defaults[name]
    if (fallback === undefined) {
      throw new LipError('USAGE', `Attack '${attack.name}' has no parameter '${name}'.`, {
        hint: `It has ${Object.keys(attack.defaults).join(', ') || 'none'}.`,
      })
    }
    if (typeof value !== typeof fallback || (typeof value === 'number' && Number.isNaN(value))) {
      throw new LipError(
        'USAGE',
        `Parameter '${name}' of attack '${attack.name}' is ${JSON.stringify(value)}, where a ${typeof fallback} is due.`,
      )
    }
  }
  return { ...attack.defaults, ...given }
}
