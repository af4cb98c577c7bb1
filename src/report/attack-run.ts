/**
 * What `lip-onnx attack` reports: schemas/attack-report.schema.json in TypeScript. Nothing in it is proved: distances are
 * of points that the plain network was seen to misclassify.
 * @module
 */
import type { AttackReport, PictureReport, Report } from './report.ts'

/** A picture without a certificate. */
export type AttackPicture = Omit<PictureReport, 'radius'>

export interface AttackRunReport {
  readonly kind: 'attack'
  readonly schemaVersion: string
  readonly tool: Report['tool']
  readonly command?: string
  readonly seed: number
  readonly shard?: NonNullable<Report['shard']>
  readonly model: Report['model']
  readonly runtime: Omit<Report['runtime'], 'profile'>
  readonly dataset: NonNullable<Report['dataset']>
  /** Box that the adversarials stay in. */
  readonly inputRange: readonly [low: number, high: number]
  readonly attacks: readonly AttackReport[]
  /** L2 radius -> share of samples that are classified correctly and that no attack changed within it. */
  readonly robustAccuracy: Readonly<Record<string, number>>
  /** Smallest L2 distance of any attack by sample; 0 = misclassified as it is, null = none found. */
  readonly best: readonly { readonly index: number; readonly distance: number | null; readonly attack: string | null }[]
  /** False when time or an interrupt cut it short. */
  readonly complete: boolean
  readonly pictures?: readonly AttackPicture[]
  /** Wall-clock seconds, the only part that differs between two runs. */
  readonly timing: Readonly<Record<string, number>>
}

/** True for what `attack` wrote, false for what `verify` wrote. */
export function isAttackRun(report: Report | AttackRunReport): report is AttackRunReport {
  return 'kind' in report && report.kind === 'attack'
}
