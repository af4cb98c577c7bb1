/**
 * The report: schemas/report.schema.json in TypeScript. The JSON form is the source of truth; every other format is a view.
 * @module
 */
import type { ExitCode } from '../errors.ts'

export const SCHEMA_VERSION = '1.0'

/** lower is attained, upper is proved; null = not bounded. */
export interface BoundReport {
  readonly lower: number
  readonly upper: number | null
}

export type Verdict = 'pass' | 'violated' | 'inconclusive' | 'timeout' | 'alarm'

export interface LayerReport {
  readonly name: string
  readonly op: string
  readonly lower: number
  readonly upper: number | null
  readonly method: string
  /** What the exporter's metadata claims for this layer, when it does. Checked, never used by the proof. */
  readonly claim?: number
  readonly details?: Readonly<Record<string, number | string | readonly number[]>>
}

export interface TraceStep {
  readonly name: string
  readonly rule: string
  readonly constant: number | null
  /** The constant of naive per-operator multiplication over the same nodes. */
  readonly naive?: number | null
  readonly because?: string
  /** Names of the nodes fused into this step. */
  readonly nodes?: readonly string[]
}

export interface CertificateReport {
  readonly index: number
  readonly label: number
  readonly predicted: number
  /** top1 - top2 of the executed float32 logits. */
  readonly margin: number
  /** Certified L2 radius in model-input units, rounded down; 0 = not certified or misclassified. */
  readonly radius: number
  /** (top1 - top2) / 2: the seed's rule. Certified only where every logit is proved 1-Lipschitz. */
  readonly seedRadius: number
  readonly radiusLinf?: number
  readonly radiusL1?: number
  readonly rule?: string
}

export type AttackStatus =
  | 'misclassified'
  | 'tight'
  | 'open'
  | 'not-found'
  | 'candidate-violation'
  | 'confirmed-violation'
  | 'nan'

export interface AttackSampleReport {
  readonly index: number
  readonly status: AttackStatus
  /** L2 distance of the float32 adversarial in float64; null when none was found. */
  readonly distance: number | null
  /** Class that the adversarial is given; null when none was found. */
  readonly target: number | null
  /** L-infinity distance of the same point, from attacks that minimise that. */
  readonly distanceLinf?: number
  /** Where the adversarial was saved (.npy), when it lies inside a certified radius. */
  readonly file?: string
}

export interface AttackReport {
  readonly name: string
  readonly provider: string
  readonly parameters: Readonly<Record<string, number | string | boolean>>
  readonly samples: readonly AttackSampleReport[]
  /** Smallest distance / certified radius over samples that have both; null when none has. Below 1 is an alarm. */
  readonly minRatio: number | null
  readonly meanDistance: number | null
  /** Mean number of gradients a sample took. */
  readonly gradients?: number
}

/** `noted` and `waived` decide nothing. */
export type GateStatus = 'pass' | 'fail' | 'inconclusive' | 'alarm' | 'waived' | 'noted'

export interface GateReport {
  readonly id: string
  readonly status: GateStatus
  readonly limit: number | string | null
  readonly value: number | string | null
  readonly message: string
}

export interface PictureReport {
  readonly index: number
  readonly label: number
  readonly className: string
  readonly adversarialClass: string | null
  readonly radius: number
  readonly distance: number | null
  /** Pixels row-major, channels last, scaled to 0..1 by the model's input range. */
  readonly dims: readonly [height: number, width: number, channels: number]
  readonly original: readonly number[]
  readonly adversarial: readonly number[] | null
}

/** The output of a network with two inputs and one output, over the plane of its samples. */
export interface PlaneReport {
  readonly x: readonly [low: number, high: number]
  readonly y: readonly [low: number, high: number]
  readonly columns: number
  readonly rows: number
  /** Row by row from the lowest y, each from the lowest x. */
  readonly values: readonly number[]
  /** Samples, with their labels. */
  readonly points: readonly (readonly [x: number, y: number, label: number])[]
}

export interface TrainingReport {
  readonly runFolder?: string
  readonly settings?: Readonly<Record<string, unknown>>
  /** One entry an epoch, as in metrics.jsonl. */
  readonly history: readonly Readonly<Record<string, number>>[]
  /** Wasserstein distance between the two classes, where it is known: no KR of a 1-Lipschitz network passes it. */
  readonly classDistance?: number
}

export interface Report {
  readonly schemaVersion: string
  readonly tool: { readonly name: string; readonly version: string }
  /** The command that made this report. */
  readonly command?: string
  readonly seed?: number
  /** Which of how many parts of the data this report is about; 1-based. */
  readonly shard?: { readonly index: number; readonly count: number }
  readonly model: {
    readonly path: string
    readonly sha256: string
    /** Files beside the model that hold tensors of it. */
    readonly externalData?: readonly { readonly location: string; readonly sha256: string; readonly bytes: number }[]
    readonly opset: number
    readonly irVersion: number
    readonly producer: string
    readonly parameters: number
    readonly input?: { readonly name: string; readonly dims: readonly (number | string)[] }
    readonly output?: { readonly name: string; readonly dims: readonly (number | string)[] }
  }
  readonly verdict: Verdict
  readonly exitCode: ExitCode
  readonly runtime: {
    readonly provider: string
    readonly profile: string
    readonly reason?: string
    readonly assumptions: readonly string[]
  }
  readonly lipschitz: {
    readonly norm: 'l2'
    readonly logit: BoundReport
    readonly features: BoundReport
    readonly joint: BoundReport
    readonly pair: BoundReport
    readonly threshold: number
    readonly of: 'logit' | 'features' | 'joint' | 'pair'
    /** Height and width are open in the file: the upper bounds hold for every size. */
    readonly everySize?: true
  }
  readonly layers: readonly LayerReport[]
  readonly trace: readonly TraceStep[]
  readonly coverage: {
    readonly nodes: number
    readonly handled: number
    readonly refused: readonly { readonly name: string; readonly op: string; readonly reason: string }[]
  }
  readonly dataset?: {
    readonly name: string
    readonly split: string
    readonly samples: number
    readonly source?: string
    readonly classes?: readonly string[]
  }
  readonly certificates?: {
    readonly count: number
    readonly correct: number
    /** Over correctly classified samples. */
    readonly mean: number
    readonly median: number
    readonly meanSeedRadius: number
    readonly certifiedAccuracy: Readonly<Record<string, number>>
    readonly samples: readonly CertificateReport[]
  }
  /** The executed network against the float64 reference, in units of the proved rounding error; above 1 is an alarm. */
  readonly conformance?: {
    readonly samples: number
    readonly worstRatio: number
    readonly worst?: { readonly index: number; readonly logit: number }
  }
  readonly attacks: readonly AttackReport[]
  readonly gates: readonly GateReport[]
  /** Mean radius after each step of the argument: seed rule, true norms, pair norms, floating point. */
  readonly ledger: readonly { readonly step: string; readonly meanRadius: number }[]
  readonly pictures?: readonly PictureReport[]
  readonly plane?: PlaneReport
  readonly training?: TrainingReport
  /** Wall-clock figures, the only part that differs between two runs. */
  readonly timing: Readonly<Record<string, number>>
}
