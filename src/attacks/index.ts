/**
 * Attacks on a network: open a victim, run an attack by name.
 * @module
 */
export type { AnyAttack, Parameters } from './attack.ts'
export type { Bound, Box } from './domain.ts'
export {
  type LipschitzEvidence,
  type LipschitzSearchOptions,
  type LipschitzWitness,
  searchLipschitz,
} from './lipschitz-search.ts'
export { checkMasking, type MaskingCheck } from './masking.ts'
export { type OpenedVictim, openVictim, type VictimModel, type VictimOptions } from './open-victim.ts'
export { ATTACKS, runAttack } from './registry.ts'
export type { AttackEvidence, AttackInput, AttackOptions, AttackOutcome, AttackProgress } from './run-attack.ts'
export type { SampleCertificate } from './sample.ts'
export type { Victim } from './victim.ts'
