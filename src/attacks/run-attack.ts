import { LipError } from '../errors.ts'
import type { AttackReport, AttackSampleReport } from '../report/report.ts'
import { type AnyAttack, completeParameters, type Parameters } from './attack.ts'
import { type Criterion, margin, predicted } from './criterion.ts'
import { checkInside } from './domain.ts'
import type { Task } from './query.ts'
import { confirm, distanceUpper, judgeViolation } from './referee.ts'
import { createSample, distanceLinf, type Sample, type SampleCertificate } from './sample.ts'
import { runTasks } from './scheduler.ts'
import type { Victim } from './victim.ts'

/** One labelled input. */
export interface AttackInput {
  /** Position in the data set; names the sample in reports and seeds its randomness. */
  readonly index: number
  readonly label: number
  /** Channels first, in model-input units. */
  readonly image: Float32Array
  /** Class that the adversarial must be given; default any other than the label. */
  readonly target?: number
}

export interface AttackProgress {
  readonly done: number
  readonly total: number
  readonly index: number
  /** Distance found for that sample, before it is confirmed; null when none. */
  readonly distance: number | null
}

export interface AttackOptions {
  readonly samples: readonly AttackInput[]
  /** By sample index. */
  readonly certificates?: ReadonlyMap<number, SampleCertificate>
  readonly parameters?: Parameters
  /** Default 0. */
  readonly seed?: number
  /** Samples in flight at once; results do not depend on it. */
  readonly batch?: number
  readonly onProgress?: (progress: AttackProgress) => void
  readonly signal?: AbortSignal
  /** Milliseconds; what was found by then is kept. */
  readonly timeBudget?: number
}

export interface AttackOutcome {
  readonly report: AttackReport
  /** Adversarial points by sample index, confirmed by the plain network. */
  readonly adversarials: ReadonlyMap<number, Float32Array>
  readonly ended: 'finished' | 'aborted' | 'timeout'
  readonly evidence: AttackEvidence
}

/** What the run says about the network besides distances. */
export interface AttackEvidence {
  /** Largest |J^T (e_i - e_j)| met: a lower bound (float32) of the largest pair constant. */
  readonly pairNorm: number
  readonly zeroGradients: number
  readonly gradients: number
  readonly forwards: number
}

/** Ratio of distance to certificate up to which the pair of bounds counts as closed. */
const TIGHT = 1.01

/**
 * Attacks labelled samples and reports what the plain network, at batch 1, really does at every point found. Misclassified samples have
 * distance 0 and are not attacked; a sample without a find has no distance and no point.
 *
 * @throws LipError USAGE for wrong parameters or labels, DATA_INVALID for samples outside the box, MODEL_UNSUPPORTED for a
 *   gradient attack on a network that has no gradient
 */
export async function attackSamples(attack: AnyAttack, victim: Victim, options: AttackOptions): Promise<AttackOutcome> {
  const parameters = completeParameters(attack, options.parameters)
  const { oracle, domain } = victim
  if (attack.access === 'gradient' && !oracle.gradient) {
    throw new LipError(
      'MODEL_UNSUPPORTED',
      `Attack '${attack.name}' needs gradients, and this network has none: ${oracle.reason ?? 'unknown'}.`,
      { hint: 'Use hop-skip-jump, boundary, square or noise, which are weaker.' },
    )
  }
  const seed = options.seed ?? 0
  const reports: (AttackSampleReport | undefined)[] = new Array(options.samples.length)
  const attacked: { sample: Sample; at: number }[] = []
  for (const [at, input] of options.samples.entries()) {
    checkInside(domain, input.image, input.index)
    const criterion = criterionOf(input, domain.classes)
    const clean = await victim.logits(input.image)
    const m = margin(criterion, clean, 0, domain.classes)
    if (Number.isNaN(m)) reports[at] = blank(input.index, 'nan')
    else if (m < 0) {
      reports[at] = {
        index: input.index,
        status: 'misclassified',
        distance: 0,
        target: predicted(clean, 0, domain.classes),
      }
    } else {
      const certificate = options.certificates?.get(input.index)
      const { image, index } = input
      attacked.push({
        at,
        sample: createSample({ index, image, domain, norm: attack.norm, criterion, clean, certificate, seed }),
      })
    }
  }

  let done = 0
  let forwards = 0
  const ended = await runTasks(oracle, launch(attack, parameters, attacked), {
    lockstep: attack.lockstep?.(parameters) ?? false,
    ...(options.batch === undefined ? {} : { inFlight: options.batch }),
    signal: options.signal,
    deadline: options.timeBudget === undefined ? undefined : performance.now() + options.timeBudget,
    onRows: (position, kind, rows) => {
      if (kind === 'gradient') attacked[position]!.sample.evidence.gradients += rows
      else forwards += rows
    },
    onDone: (position) => {
      const { sample } = attacked[position]!
      const { distance } = sample.best
      options.onProgress?.({
        done: ++done,
        total: attacked.length,
        index: sample.index,
        distance: distance === Infinity ? null : distance,
      })
    },
  })

  const adversarials = new Map<number, Float32Array>()
  const within = attack.goal === 'epsilon' && typeof parameters.epsilon === 'number' ? parameters.epsilon : 0
  for (const { sample, at } of attacked) {
    const { report, point } = await conclude(sample, victim, within > 0 ? within : Infinity)
    reports[at] = report
    if (point) adversarials.set(sample.index, point)
  }
  const evidence = {
    pairNorm: attacked.reduce((top, { sample }) => Math.max(top, sample.evidence.pairNorm), 0),
    zeroGradients: attacked.reduce((sum, { sample }) => sum + sample.evidence.zeroGradients, 0),
    gradients: attacked.reduce((sum, { sample }) => sum + sample.evidence.gradients, 0),
    forwards,
  }
  const samples = reports.map((report) => report!)
  return {
    report: {
      name: attack.name,
      provider: victim.provider,
      parameters: { ...parameters, seed },
      samples,
      ...summary(samples, options.certificates),
      gradients: attacked.length === 0 ? 0 : evidence.gradients / attacked.length,
    },
    adversarials,
    ended,
    evidence,
  }
}

function* launch(
  attack: AnyAttack,
  parameters: Parameters,
  attacked: readonly { sample: Sample }[],
): Generator<Task, void, void> {
  for (const { sample } of attacked) yield attack.run(sample, parameters)
}

function criterionOf({ index, label, target }: AttackInput, classes: number): Criterion {
  const invalid = (what: string, value: number) =>
    new LipError('DATA_INVALID', `Sample ${index} has the ${what} ${value} where the network has ${classes} classes.`)
  const fits = (value: number) => Number.isInteger(value) && value >= 0 && value < classes
  if (classes > 1 && !fits(label)) throw invalid('label', label)
  if (target !== undefined && classes > 1 && (!fits(target) || target === label)) throw invalid('target', target)
  return { label, target: classes > 1 ? target : undefined }
}

function blank(index: number, status: 'nan' | 'not-found'): AttackSampleReport {
  return { index, status, distance: null, target: null }
}

/** Verifies a sample's best find and gives it its status. */
async function conclude(
  sample: Sample,
  victim: Victim,
  within: number,
): Promise<{ report: AttackSampleReport; point?: Float32Array }> {
  const { index, certificate, domain, image, norm } = sample
  const find = await confirm(sample, victim, within)
  if (!find) return { report: blank(index, sample.evidence.nan ? 'nan' : 'not-found') }
  const extra = (point: Float32Array) => (norm === 'linf' ? { distanceLinf: distanceLinf(image, point) } : {})
  const radius = certificate?.radius ?? 0
  if (distanceUpper(find.distance, domain.size) < radius) {
    const judged = await judgeViolation(sample, find, radius, victim)
    const { point, distance, target } = judged.find
    const status = judged.confirmed ? 'confirmed-violation' : 'candidate-violation'
    return { report: { index, status, distance, target, ...extra(point) }, point }
  }
  const { point, distance, target } = find
  const status = radius > 0 && distance <= TIGHT * radius ? 'tight' : 'open'
  return { report: { index, status, distance, target, ...extra(point) }, point }
}

function summary(
  samples: readonly AttackSampleReport[],
  certificates: ReadonlyMap<number, SampleCertificate> | undefined,
): Pick<AttackReport, 'minRatio' | 'meanDistance'> {
  let minRatio: number | null = null
  let total = 0
  let found = 0
  for (const { index, distance, status } of samples) {
    if (distance === null || status === 'misclassified') continue
    total += distance
    found++
    const radius = certificates?.get(index)?.radius ?? 0
    if (radius > 0) minRatio = Math.min(minRatio ?? Infinity, distance / radius)
  }
  return { minRatio, meanDistance: found === 0 ? null : total / found }
}
