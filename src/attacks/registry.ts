/**
 * The list of attacks. To add one: one file in this folder, one line here.
 * @module
 */
import { LipError } from '../errors.ts'
import type { AnyAttack } from './attack.ts'
import { Auto } from './auto.ts'
import { CarliniWagner, FoolboxCarliniWagner } from './carlini-wagner.ts'
import { FastMinimumNorm, FastMinimumNormLinf } from './fast-minimum-norm.ts'
import { type AttackOptions, type AttackOutcome, attackSamples } from './run-attack.ts'
import type { Victim } from './victim.ts'

const LIST: readonly AnyAttack[] = [Auto, CarliniWagner, FoolboxCarliniWagner, FastMinimumNorm, FastMinimumNormLinf]

/** Attacks by name. */
export const ATTACKS: ReadonlyMap<string, AnyAttack> = new Map(LIST.map((attack) => [attack.name, attack]))

/**
 * Runs one attack by name.
 *
 * @example
 * const victim = await openVictim(await readModel('model.onnx'), { box: { low: 0, high: 1 } })
 * const { report, adversarials } = await runAttack('auto', victim, { samples: [{ index: 0, label: 9, image }] })
 */
export function runAttack(name: string, victim: Victim, options: AttackOptions): Promise<AttackOutcome> {
  const attack = ATTACKS.get(name)
  if (!attack) {
    throw new LipError('USAGE', `There is no attack named '${name}'.`, {
      hint: `There are ${[...ATTACKS.keys()].join(', ')}.`,
    })
  }
  return attackSamples(attack, victim, options)
}
