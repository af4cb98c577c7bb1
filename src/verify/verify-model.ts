/**
 * `verify` as a function: reads a model, proves what it can, runs it, attacks it, and holds the result against the limits.
 * @module
 */
import { dirname, resolve } from 'node:path'
import { type AttackOutcome, openVictim } from '../attacks/index.ts'
import { LipError } from '../errors.ts'
import { baselineGates } from '../gate/baseline.ts'
import { type Claims, readClaims } from '../gate/claims.ts'
import { evaluateGates } from '../gate/gates.ts'
import { limitOf, parseLimit } from '../gate/limit.ts'
import { type BoundName, type Policy, readPolicy } from '../gate/policy.ts'
import { verdictOf } from '../gate/verdict.ts'
import { applyWaivers } from '../gate/waivers.ts'
import { prepare } from '../graph/prepare.ts'
import { type Analysis, analyse } from '../lipschitz/analyse.ts'
import type { Shape } from '../onnx/ir.ts'
import { type LoadedModel, readModel } from '../onnx/read.ts'
import { readReport } from '../report/read-report.ts'
import { type GateReport, type LayerReport, type Report, SCHEMA_VERSION } from '../report/report.ts'
import type { Session, SessionOptions } from '../runtime/session.ts'
import { packageVersion } from '../version.ts'
import { summariseCertificates } from './certificate-summary.ts'
import { certifySamples } from './certify-samples.ts'
import { checkConformance } from './conformance.ts'
import { coverageOf } from './coverage.ts'
import { assumptionsOf, execute, openNetworkSession } from './execute.ts'
import { modelInfo } from './model-info.ts'
import { choosePictures, drawPictures } from './pictures.ts'
import { checkRows } from './row-check.ts'
import { runAttacks } from './run-attacks.ts'
import { loadSamples, namesData, type SampleSource, type Samples } from './samples.ts'

export interface VerifyOptions extends SampleSource {
  /** Which constant is held against the limit; default the policy's, else 'logit'. */
  readonly of?: BoundName | undefined
  /** As a decimal, so that it can be rounded down; default the policy's, else 1. */
  readonly maxLipschitz?: string | number | undefined
  /** Limit of every linear layer's norm. */
  readonly maxLayer?: string | number | undefined
  readonly policy?: Policy | undefined
  /** File of the policy; paths in it are relative to it. */
  readonly policyPath?: string | undefined
  readonly provider?: SessionOptions['provider']
  readonly inputShapes?: Readonly<Record<string, Shape>>
  /** Names of attacks; default `['auto']` with data. */
  readonly attacks?: readonly string[] | undefined
  /** How many samples to attack; default 100. The samples shown as pictures are attacked as well. */
  readonly attackSamples?: number | undefined
  /** Further attacks on the samples shown as pictures alone: expensive ones. */
  readonly pictureAttacks?: readonly string[] | undefined
  /** Attack exactly these positions of the split instead. */
  readonly attackIndices?: readonly number[] | undefined
  /** How many samples to hold against the float64 reference; default 40. */
  readonly conformanceSamples?: number | undefined
  /** L2 radii of the accuracy table. */
  readonly radii?: readonly number[] | undefined
  readonly seed?: number | undefined
  /** Seconds. */
  readonly timeBudget?: number | undefined
  /** Threads for the norms of layers. */
  readonly workers?: number | undefined
  /** The command that makes the report again. */
  readonly command?: string | undefined
  readonly training?: Report['training'] | undefined
  readonly note?: (text: string) => void
  readonly onStage?: (stage: string, done: number, total: number) => void
  /** `YYYY-MM-DD`, for waivers; default today. */
  readonly today?: string | undefined
}

/**
 * Verifies an ONNX file. Findings are in the report; exceptions are for what could not be done at all.
 *
 * @example
 * const report = await verifyModel('model.onnx', { dataset: 'fashion-mnist', samples: 1000 })
 * process.exitCode = report.exitCode
 * @throws LipError for files that cannot be read, options that contradict each other, a missing runtime
 */
export async function verifyModel(path: string, options: VerifyOptions = {}): Promise<Report> {
  const started = performance.now()
  const timing: Record<string, number> = {}
  const deadline = options.timeBudget === undefined ? undefined : started + 1000 * options.timeBudget
  const late = () => deadline !== undefined && performance.now() >= deadline
  const timed = async <T>(stage: string, work: () => Promise<T> | T): Promise<T> => {
    const start = performance.now()
    const value = await work()
    timing[stage] = Math.round(performance.now() - start) / 1000
    return value
  }

  const policy = options.policy ?? (options.policyPath === undefined ? {} : await readPolicy(options.policyPath))
  const demands = demandsOf(options, policy)
  const loaded = await timed('read', () => readModel(path))
  const inputShapes = options.inputShapes ?? {}
  const program = prepare(loaded.model, { batch: 1, inputShapes })
  const rows = checkRows(loaded.model, inputShapes)
  const wantsData = namesData(options)

  let session: Session | undefined
  const outcomes: AttackOutcome[] = []
  try {
    // The provider decides the arithmetic that the proof must pay for, so it is opened first.
    if (wantsData) session = await openNetworkSession(loaded, undefined, options.provider)
    const analysis = await timed('bound', () =>
      analyse(program, {
        ...(session && { profile: session.profile }),
        ...(options.workers !== undefined && { workers: options.workers }),
        onProgress: (done, total) => options.onStage?.('bounding layers', done, total),
      }),
    )
    const output = loaded.model.graph.outputs[0]?.name ?? ''
    if (session && analysis.logits !== undefined && analysis.logits !== output) {
      const { provider } = session
      await session.release()
      session = await openNetworkSession(loaded, analysis.logits, provider)
    }

    let outOfTime = late()
    let data: Evidenced | undefined
    if (session && !outOfTime) {
      data = await withData({ options, loaded, analysis, session, batch: rows.batch, timed, late, deadline, outcomes })
      outOfTime = data.outOfTime
    } else if (session) options.note?.('The time budget was used up by the bound: no certificates, no attacks.')

    const claims = readClaims(loaded.model.metadata)
    const layers = withClaims(analysis.layers, claims)
    const coverage =
      analysis.coverage.refused.length > 0
        ? { ...coverageOf(program), refused: analysis.coverage.refused }
        : coverageOf(program)
    const gates: GateReport[] = [
      ...evaluateGates(
        {
          lipschitz: analysis.bounds,
          layers,
          refused: coverage.refused,
          rowsDependent: rows.reason,
          claims,
          certificates: data?.certificates,
          attacks: outcomes.map((outcome) => outcome.report),
          conformance: data?.conformance,
          profile: session?.profile ?? 'none',
        },
        demands,
      ),
      ...(data?.gates ?? []),
    ]
    const lipschitz = { norm: 'l2' as const, ...analysis.bounds, threshold: demands.maxLipschitz, of: demands.of }
    const dataset = data?.dataset
    if (policy.baseline) {
      const folder = options.policyPath === undefined ? '.' : dirname(options.policyPath)
      const before = await readReport(resolve(folder, policy.baseline.file))
      const now = { lipschitz, ...(data && { certificates: data.certificates, dataset: data.dataset }) }
      gates.push(...baselineGates(now, before, policy.baseline))
    }
    const judged = applyWaivers(gates, policy.allow ?? [], options.today ?? new Date().toISOString().slice(0, 10))
    timing.total = Math.round(performance.now() - started) / 1000
    return {
      schemaVersion: SCHEMA_VERSION,
      tool: { name: 'lip-onnx', version: packageVersion() },
      ...(options.command !== undefined && { command: options.command }),
      seed: options.seed ?? 0,
      ...(options.shard && { shard: options.shard }),
      model: modelInfo(loaded),
      ...verdictOf(judged, outOfTime),
      runtime: session
        ? {
            provider: session.provider,
            profile: session.profile,
            reason: session.reason,
            assumptions: assumptionsOf(session, analysis, output),
          }
        : {
            provider: 'none',
            profile: 'none',
            assumptions: ['The bound is about the real function that the float32 weights define; nothing was run.'],
          },
      lipschitz,
      layers,
      trace: analysis.trace,
      coverage,
      ...(dataset && { dataset }),
      ...(data && { certificates: data.certificates }),
      ...(data?.conformance && { conformance: data.conformance }),
      attacks: outcomes.map((outcome) => outcome.report),
      gates: judged,
      ledger: data?.ledger ?? [],
      ...(data && data.pictures.length > 0 && { pictures: data.pictures }),
      ...(options.training && { training: options.training }),
      timing,
    }
  } finally {
    await session?.release()
  }
}

/** What is demanded: options before policy before defaults; limits rounded down to doubles. */
function demandsOf(options: VerifyOptions, policy: Policy) {
  const limit = options.maxLipschitz ?? policy.lipschitz?.max ?? 1
  const maxLipschitz = typeof limit === 'string' ? parseLimit(limit, '--max-lipschitz') : limitOf(limit, 'The limit')
  const layer = options.maxLayer ?? policy.layers?.max
  const max = layer === undefined ? undefined : typeof layer === 'string' ? parseLimit(layer, '--max-layer') : layer
  return {
    of: options.of ?? policy.lipschitz?.of ?? 'logit',
    maxLipschitz,
    policy: max === undefined ? policy : { ...policy, layers: { ...policy.layers, max } },
  } as const
}

/** Puts what the metadata claims beside what was proved. */
function withClaims(layers: readonly LayerReport[], claims: Claims | 'unreadable' | undefined): readonly LayerReport[] {
  if (claims === undefined || claims === 'unreadable') return layers
  return layers.map((layer) => {
    const claim = Object.hasOwn(claims.layers, layer.name) ? claims.layers[layer.name] : undefined
    return claim === undefined ? layer : { ...layer, claim }
  })
}

interface Stage {
  readonly options: VerifyOptions
  readonly loaded: LoadedModel
  readonly analysis: Analysis
  readonly session: Session
  readonly batch: number
  timed<T>(stage: string, work: () => Promise<T> | T): Promise<T>
  late(): boolean
  readonly deadline: number | undefined
  readonly outcomes: AttackOutcome[]
}

interface Evidenced {
  readonly dataset: NonNullable<Report['dataset']>
  readonly certificates: NonNullable<Report['certificates']>
  readonly conformance: Report['conformance'] | undefined
  readonly ledger: Report['ledger']
  readonly pictures: NonNullable<Report['pictures']>
  readonly gates: readonly GateReport[]
  readonly outOfTime: boolean
}

/** Everything that needs samples: execution, certificates, conformance, attacks, pictures. */
async function withData(stage: Stage): Promise<Evidenced> {
  const { options, analysis, session, timed, late } = stage
  const [input, ...others] = analysis.program.inputs
  if (!input || others.length > 0 || input.type !== 'float32' || analysis.program.batch !== 1) {
    throw new LipError(
      'MODEL_UNSUPPORTED',
      'Certificates need a model with one float32 input and an open batch, or a batch of 1.',
      {
        hint: 'Leave the data away to bound the model alone.',
      },
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
  const certificates = summariseCertificates(certified.samples, options.radii)
  const conformance = await timed('conformance', () =>
    checkConformance(analysis, samples, executed, { limit: options.conformanceSamples ?? 40, outOfTime: late }),
  )
  const shown = samples.image ? choosePictures(certified.samples) : []
  const attacked = await timed('attack', () => attackAll(stage, samples, certified.samples, shown))
  return {
    dataset: {
      name: data.name,
      split: data.split,
      samples: indices.length,
      source: data.source,
      classes: data.classes,
    },
    certificates,
    conformance,
    ledger: certified.ledger,
    pictures:
      stage.outcomes.length === 0
        ? []
        : drawPictures(shown, samples, certified.samples, stage.outcomes, options.inputRange ?? [0, 1]),
    gates: attacked.gates,
    outOfTime: attacked.outOfTime || late(),
  }
}

async function outputWidth(session: Session, dims: Shape): Promise<number> {
  const { rows } = await execute(session, { data: blank(dims.slice(1)), image: undefined, indices: [0] }, { batch: 1 })
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
  certificates: Evidenced['certificates']['samples'],
  shown: readonly number[],
): Promise<{ readonly gates: readonly GateReport[]; readonly outOfTime: boolean }> {
  const { options, loaded, session, deadline, late } = stage
  const names = options.attacks ?? ['auto']
  if (names.length === 0) return { gates: [], outOfTime: false }
  if (late()) return { gates: [], outOfTime: true }
  const [low, high] = options.inputRange ?? [0, 1]
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
    stage.outcomes.push(...outcomes)
    return {
      gates: [],
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
