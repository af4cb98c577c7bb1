/**
 * The list of attacks. To add one: one file in this folder, one line here.
 * @module
 */
import { LipError } from '../errors.ts'
import type { AnyAttack } from './attack.ts'
import { Auto } from './auto.ts'
import { AutoAttack, AutoAttackLinf } from './auto-attack.ts'
import {
  ApgdCrossEntropy,
  ApgdCrossEntropyLinf,
  ApgdDlr,
  ApgdDlrLinf,
  ApgdMargin,
  ApgdTargeted,
  ApgdTargetedLinf,
} from './auto-pgd.ts'
import { BasicIterative, BasicIterativeLinf } from './basic-iterative.ts'
import { Boundary } from './boundary.ts'
import { CarliniWagner, FoolboxCarliniWagner } from './carlini-wagner.ts'
import { DecoupledDirectionNorm, DecoupledDirectionNormCe } from './decoupled-direction-norm.ts'
import { DeepFool, DeepFoolLinf } from './deep-fool.ts'
import { FastAdaptiveBoundary } from './fast-adaptive-boundary.ts'
import { FastGradient, FastGradientSign } from './fast-gradient.ts'
import { FastMinimumNorm, FastMinimumNormLinf } from './fast-minimum-norm.ts'
import { HopSkipJump } from './hop-skip-jump.ts'
import { MomentumIterative, MomentumIterativeLinf } from './momentum-iterative.ts'
import { GaussianNoise, UniformNoise } from './noise.ts'
import { ProjectedGradient, ProjectedGradientLinf } from './projected-gradient.ts'
import { RoundingSearch } from './rounding-search.ts'
import { type AttackOptions, type AttackOutcome, attackSamples } from './run-attack.ts'
import { Square, SquareLinf } from './square.ts'
import { Thorough } from './thorough.ts'
import type { Victim } from './victim.ts'

const LIST: readonly AnyAttack[] = [
  Auto,
  Thorough,
  FoolboxCarliniWagner,
  CarliniWagner,
  FastMinimumNorm,
  FastMinimumNormLinf,
  DecoupledDirectionNorm,
  DecoupledDirectionNormCe,
  DeepFool,
  DeepFoolLinf,
  FastAdaptiveBoundary,
  FastGradient,
  FastGradientSign,
  BasicIterative,
  BasicIterativeLinf,
  ProjectedGradient,
  ProjectedGradientLinf,
  MomentumIterative,
  MomentumIterativeLinf,
  ApgdCrossEntropy,
  ApgdCrossEntropyLinf,
  ApgdDlr,
  ApgdDlrLinf,
  ApgdMargin,
  ApgdTargeted,
  ApgdTargetedLinf,
  AutoAttack,
  AutoAttackLinf,
  Square,
  SquareLinf,
  HopSkipJump,
  Boundary,
  GaussianNoise,
  UniformNoise,
  RoundingSearch,
]

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
