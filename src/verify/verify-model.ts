/**
 * `verify` as a function: reads a model, proves what it can, runs it, attacks it, and holds the result against the limits.
 * @module
 */
import { dirname, resolve } from 'node:path'
import type { AttackOutcome } from '../attacks/index.ts'
import { UNIT } from '../data/dataset.ts'
import { LipError } from '../errors.ts'
import { baselineGates } from '../gate/baseline.ts'
import { type Claims, readClaims } from '../gate/claims.ts'
import { evaluateGates } from '../gate/gates.ts'
import { type BoundName, type Policy, readPolicy } from '../gate/policy.ts'
import { applyWaivers } from '../gate/waivers.ts'
import { prepare } from '../graph/prepare.ts'
import { type Analysis, analyse } from '../lipschitz/analyse.ts'
import { withLowerBounds } from '../lipschitz/jacobian-lower.ts'
import { openWitnesses } from '../lipschitz/open-sizes.ts'
import { isFloat } from '../onnx/element-types.ts'
import type { Shape } from '../onnx/ir.ts'
import { readModel } from '../onnx/read.ts'
import { readReport } from '../report/read-report.ts'
import { type GateReport, type LayerReport, type Report, SCHEMA_VERSION } from '../report/report.ts'
import { verdictOf } from '../report/verdict.ts'
import type { Session, SessionOptions } from '../runtime/session.ts'
import { packageVersion } from '../version.ts'
import { demandsOf } from './demands.ts'
import type { DataEvidence } from './evidence.ts'
import { assumptionsOf, openNetworkSession } from './execute.ts'
import { modelInfo } from './model-info.ts'
import { oneOfBatch } from './one-of-batch.ts'
import { checkRows } from './row-check.ts'
import { checkCount, namesData, type SampleSource } from './samples.ts'
import { startingPoints } from './starting-points.ts'

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
  /** Where to save adversarials that lie inside a certified radius; default nowhere. Nothing is overwritten. */
  readonly violationFolder?: string | undefined
  /** Hears of the proof itself, for explanations. */
  readonly onAnalysis?: (analysis: Analysis) => void
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
  checkCount('--attack-samples', options.attackSamples)
  // Whatever can be wrong with the demands is said before the work begins.
  const folder = options.policyPath === undefined ? '.' : dirname(options.policyPath)
  const baseline = policy.baseline && (await readReport(resolve(folder, policy.baseline.file)))
  const loaded = await timed('read', () => readModel(path))
  // Without data there is no one size: open heights and widths get bounds for all of them.
  const witnesses = namesData(options) ? undefined : openWitnesses(loaded.model, options.inputShapes)
  const inputShapes = witnesses?.inputShapes ?? options.inputShapes ?? {}
  // Of a file that fixes a batch, the network of one sample where that is proved; else the bound is about the whole batch.
  const one = witnesses ? undefined : oneOfBatch(loaded.model, inputShapes)
  const program = witnesses?.here ?? one?.program ?? prepare(loaded.model, { batch: 1, inputShapes })
  const rows = checkRows(loaded.model, inputShapes)
  const wantsData = namesData(options)

  let session: Session | undefined
  const outcomes: AttackOutcome[] = []
  try {
    // The provider decides the arithmetic that the proof must pay for, so it is opened first.
    if (wantsData) session = await openNetworkSession(loaded, undefined, options.provider)
    const upper = await timed('bound', () =>
      analyse(program, {
        ...(session && { profile: session.profile }),
        ...(witnesses && { twin: witnesses.there }),
        ...(options.workers !== undefined && { workers: options.workers }),
        ...(deadline !== undefined && { late }),
        onProgress: (done, total) => options.onStage?.('bounding layers', done, total),
      }),
    )
    options.onAnalysis?.(upper)
    const output = loaded.model.graph.outputs[0]?.name ?? ''
    if (session && upper.logits !== undefined && upper.logits !== output) {
      const { provider } = session
      await session.release()
      session = await openNetworkSession(loaded, upper.logits, provider)
    }

    let outOfTime = late()
    let data: DataEvidence | undefined
    if (session && !outOfTime) {
      // Attacks and pictures are loaded by those who have data.
      const { gatherEvidence } = await import('./evidence.ts')
      data = await gatherEvidence({
        options,
        loaded,
        analysis: upper,
        session,
        batch: rows.batch,
        withoutSingle: one?.reason,
        timed,
        late,
        deadline,
        outcomes,
      })
      outOfTime = data.outOfTime
    } else if (session) options.note?.('The time budget was used up by the bound: no certificates, no attacks.')

    const analysis = outOfTime
      ? upper
      : await timed('lower', () => {
          const proved = (upper.bounds[demands.of].upper ?? Number.POSITIVE_INFINITY) <= demands.maxLipschitz
          const range = data?.samples.range ?? options.inputRange ?? UNIT
          const points = startingPoints(upper, data?.samples, { seed: options.seed ?? 0, range, proved })
          return withLower(upper, points, proved ? 3 : 6)
        })

    const claims = readClaims(loaded.model.metadata)
    const layers = withClaims(analysis.layers, claims)
    const { coverage } = analysis
    const gates: GateReport[] = [
      ...evaluateGates(
        {
          lipschitz: analysis.bounds,
          layers,
          refused: coverage.refused,
          others: otherOutputs(analysis),
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
    const lipschitz = {
      norm: 'l2' as const,
      ...analysis.bounds,
      threshold: demands.maxLipschitz,
      of: demands.of,
      ...(witnesses && { everySize: true as const }),
    }
    const dataset = data?.dataset
    if (policy.baseline && baseline) {
      const { shard } = options
      const now = {
        lipschitz,
        ...(shard && { shard }),
        ...(data && { certificates: data.certificates, dataset: data.dataset }),
      }
      gates.push(...baselineGates(now, baseline, policy.baseline))
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
            assumptions: [
              'The bound is about the real function that the float32 weights define; nothing was run.',
              ...(witnesses ? ['Height and width are open in the file: the upper bounds hold for every size.'] : []),
            ],
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
      ...(data?.plane && { plane: data.plane }),
      ...(options.training && { training: options.training }),
      timing,
    }
  } finally {
    await session?.release()
  }
}

/** The outputs that the bounds are not about; positions and truth values are decisions, and have no constant to limit. */
function otherOutputs({
  program,
  proof,
}: Analysis): readonly { readonly name: string; readonly upper: number | null }[] {
  const [, ...others] = program.model.graph.outputs
  return others.flatMap(({ name }) => {
    const operand = program.values.get(name)
    if (operand && (operand.constant || !isFloat(operand.type))) return []
    const upper = proof && operand ? proof.constants.of(name) : Number.POSITIVE_INFINITY
    return [{ name, upper: Number.isFinite(upper) ? upper : null }]
  })
}

/** The analysis with the lower side of its brackets; without it where an operator has no gradient to climb. */
function withLower(analysis: Analysis, points: readonly Float64Array[], steps: number): Analysis {
  try {
    return withLowerBounds(analysis, points, { steps })
  } catch (error) {
    if (error instanceof LipError && error.code === 'MODEL_UNSUPPORTED') return analysis
    throw error
  }
}

/** Puts what the metadata claims beside what was proved. */
function withClaims(layers: readonly LayerReport[], claims: Claims | 'unreadable' | undefined): readonly LayerReport[] {
  if (claims === undefined || claims === 'unreadable') return layers
  return layers.map((layer) => {
    const claim = Object.hasOwn(claims.layers, layer.name) ? claims.layers[layer.name] : undefined
    return claim === undefined ? layer : { ...layer, claim }
  })
}
