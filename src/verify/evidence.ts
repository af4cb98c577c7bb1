/**
 * The part of `verify` that needs samples: execution, certificates, conformance, attacks, pictures.
 * @module
 */
import { type AttackOutcome, openVictim } from '../attacks/index.ts'
import { LipError } from '../errors.ts'
import type { Analysis } from '../lipschitz/analyse.ts'
import type { Shape } from '../onnx/ir.ts'
import type { LoadedModel } from '../onnx/read.ts'
import type { GateReport, Report } from '../report/report.ts'
import type { Session } from '../runtime/session.ts'
import { summariseCertificates } from './certificate-summary.ts'
import { certifySamples, conform, ledgerOfRun } from './certify-samples.ts'
import { execute } from './execute.ts'
import { choosePictures, drawPictures } from './pictures.ts'
import { drawPlane } from './plane.ts'
import { runAttacks } from './run-attacks.ts'
import { loadSamples, type Samples } from './samples.ts'
import { saveViolations } from './save-violations.ts'
import type { VerifyOptions } from './verify-model.ts'

/** What the parts of a run with data share. */
export interface Stage {
  readonly options: VerifyOptions
  readonly loaded: LoadedModel
  readonly analysis: Analysis
  readonly session: Session
  readonly batch: number
  /** Why a file that fixes a batch is not known as a network of one sample. */
  readonly withoutSingle: string | undefined
  timed<T>(stage: string, work: () => Promise<T> | T): Promise<T>
  late(): boolean
  readonly deadline: number | undefined
  readonly outcomes: AttackOutcome[]
}

/** What samples showed. */
export interface DataEvidence {
  readonly samples: Samples
  readonly dataset: NonNullable<Report['dataset']>
  readonly certificates: NonNullable<Report['certificates']>
  readonly conformance: Report['conformance'] | undefined
  readonly ledger: Report['ledger']
  readonly pictures: NonNullable<Report['pictures']>
  readonly plane: Report['plane'] | undefined
  readonly gates: readonly GateReport[]
  readonly outOfTime: boolean
}

/** Everything that needs samples: execution, certificates, conformance, attacks, pictures. */
export async function gatherEvidence(stage: Stage): Promise<DataEvidence> {
  const { options, analysis, session, timed, late } = stage
  const [input, ...others] = analysis.program.inputs
  const hint = 'Leave the data away to bound the model alone.'
  if (!input || others.length > 0 || input.type !== 'float32') {
    throw new LipError('MODEL_UNSUPPORTED', 'Certificates need a model with one float32 input.', { hint })
  }
  if (analysis.program.batch !== 1) {
    throw new LipError(
      'MODEL_UNSUPPORTED',
      `Certificates are about one sample, and the file fixes a batch of ${analysis.program.batch}: ${stage.withoutSingle ?? 'it is not known what it does to one'}.`,
      { hint: `${hint} Or export it with an open batch.` },
    )
  }
  const dims = input.dims.slice(1)
  const classes = analysis.classes > 0 ? analysis.classes : await outputWidth(session, input.dims)
  const samples = await timed('data', () => loadSamples(options, dims, classes))
  const { data, indices } = samples
  const executed = await timed('execute', () =>
    execute(session, samples, {
      batch: stage.batch,
      signal: options.signal,
      onProgress: (done, total) => options.onStage?.('running the network', done, total),
    }),
  )
  const certified = await timed('certify', () => certifySamples(analysis, samples, executed))
  const certificates = summariseCertificates(certified, options.radii)
  const conformance = await timed('conformance', () =>
    conform(analysis, samples, executed, options.conformanceSamples ?? 40),
  )
  const shown = samples.image
    ? choosePictures(certified.map(({ index, label, predicted }) => ({ index, label, correct: predicted === label })))
    : []
  const radii = new Map(certified.map(({ index, radius }) => [index, radius]))
  const attacked = await timed('attack', () => attackAll(stage, samples, certified, shown))
  return {
    samples,
    dataset: {
      name: data.name,
      split: data.split,
      samples: indices.length,
      source: data.source,
      classes: data.classes,
    },
    certificates,
    conformance,
    ledger: ledgerOfRun(analysis, samples, executed),
    pictures:
      stage.outcomes.length === 0
        ? []
        : drawPictures(shown, samples, stage.outcomes, samples.range).map((picture) => ({
            ...picture,
            radius: radii.get(picture.index) ?? 0,
          })),
    plane: await drawPlane(session, samples, executed, stage.batch),
    gates: attacked.gates,
    outOfTime: attacked.outOfTime || late(),
  }
}

async function outputWidth(session: Session, dims: Shape): Promise<number> {
  const { rows } = await execute(session, { data: blank(dims.slice(1)), indices: [0] }, { batch: 1 })
  return rows.length
}

/** One sample of zeros, to ask the runtime how many outputs there are. */
function blank(dims: readonly number[]): Samples['data'] {
  const images = new Float32Array(dims.reduce((a, b) => a * b, 1))
  return {
    name: '',
    split: '',
    count: 1,
    dims,
    classes: [],
    images,
    labels: new Int32Array(1),
    source: '',
    image: () => images,
    label: () => 0,
  }
}

async function attackAll(
  stage: Stage,
  samples: Samples,
  certificates: DataEvidence['certificates']['samples'],
  shown: readonly number[],
): Promise<{ readonly gates: readonly GateReport[]; readonly outOfTime: boolean }> {
  const { options, loaded, session, deadline, late } = stage
  const names = options.attacks ?? ['auto']
  if (names.length === 0) return { gates: [], outOfTime: false }
  if (late()) return { gates: [], outOfTime: true }
  const [low, high] = samples.range
  const chosen =
    options.attackIndices ??
    [...new Set([...samples.indices.slice(0, options.attackSamples ?? 100), ...shown])].sort((a, b) => a - b)
  const victim = await openVictim(loaded, {
    provider: session.provider,
    box: { low, high },
    ...(options.inputShapes && { inputShapes: options.inputShapes }),
  })
  try {
    const known = certificates.flatMap(({ index, radius }) => (radius > 0 ? [[index, { radius }] as const] : []))
    const plan = {
      seed: options.seed ?? 0,
      certificates: new Map(known),
      signal: options.signal,
      deadline,
      onProgress: (name: string, done: number, total: number) => options.onStage?.(`attack ${name}`, done, total),
    }
    const more = shown.length > 0 ? (options.pictureAttacks ?? []) : []
    const outcomes = [
      ...(await runAttacks(victim, samples, { ...plan, names, indices: chosen })),
      ...(await runAttacks(victim, samples, { ...plan, names: more, indices: shown })),
    ]
    const { kept, gates } = await keepViolations(options.violationFolder, outcomes, samples)
    stage.outcomes.push(...kept)
    return {
      gates,
      outOfTime:
        outcomes.length < names.length + more.length || outcomes.some((outcome) => outcome.ended === 'timeout'),
    }
  } catch (error) {
    // An attack that cannot run is a finding: it must not pass silently, and it must not hide the proof.
    if (!(error instanceof LipError) || error.code !== 'MODEL_UNSUPPORTED') throw error
    const message = `The attacks could not run: ${error.message}`
    return { gates: [{ id: 'attack', status: 'inconclusive', limit: null, value: null, message }], outOfTime: false }
  } finally {
    await victim.release()
  }
}

/** Saves what lies inside a certified radius; a folder that cannot be written must not hide the alarm. */
async function keepViolations(
  folder: string | undefined,
  outcomes: readonly AttackOutcome[],
  samples: Samples,
): Promise<{ readonly kept: readonly AttackOutcome[]; readonly gates: readonly GateReport[] }> {
  if (folder === undefined) return { kept: outcomes, gates: [] }
  try {
    return { kept: await saveViolations(folder, outcomes, samples), gates: [] }
  } catch (error) {
    if (!(error instanceof LipError)) throw error
    const message = `The adversarial inside a certified radius could not be saved: ${error.message}`
    return { kept: outcomes, gates: [{ id: 'violation', status: 'noted', limit: null, value: null, message }] }
  }
}
