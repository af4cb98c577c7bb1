/**
 * `attack` as a function: reads a model, attacks it on data, and says how far the nearest adversarials are. Nothing is proved.
 * @module
 */
import {
  ATTACKS,
  type AttackOutcome,
  checkMasking,
  type OpenedVictim,
  openVictim,
  type Parameters,
} from '../attacks/index.ts'
import { UNIT } from '../data/dataset.ts'
import type { Shape } from '../onnx/ir.ts'
import { readModel } from '../onnx/read.ts'
import type { AttackRunReport } from '../report/attack-run.ts'
import { SCHEMA_VERSION } from '../report/report.ts'
import type { SessionOptions } from '../runtime/session.ts'
import { packageVersion } from '../version.ts'
import { attackOutcome } from './attack-outcome.ts'
import { modelInfo } from './model-info.ts'
import { choosePictures, drawPictures } from './pictures.ts'
import { runAttacks } from './run-attacks.ts'
import { loadSamples, type SampleSource, type Samples } from './samples.ts'
import { saveAdversarials } from './save-adversarials.ts'

export interface AttackModelOptions extends SampleSource {
  /** Names of attacks; default `['auto']`. */
  readonly attacks?: readonly string[] | undefined
  /** Settings of the attacks in place of their defaults. */
  readonly parameters?: Parameters | undefined
  /** L2 radii of the table of robust accuracy. */
  readonly radii?: readonly number[] | undefined
  readonly seed?: number | undefined
  /** Samples in flight at once; results do not depend on it. */
  readonly batch?: number | undefined
  readonly provider?: SessionOptions['provider']
  readonly inputShapes?: Readonly<Record<string, Shape>> | undefined
  /** Seconds; what was found by then is kept. */
  readonly timeBudget?: number | undefined
  /** Look for signs of gradient masking and note what was found; runs weaker attacks as well. */
  readonly checkMasking?: boolean | undefined
  /** Folder for adversarials.npy, indices.npy and labels.npy. */
  readonly saveAdversarials?: string | undefined
  readonly command?: string | undefined
  readonly note?: (text: string) => void
  readonly onAttackProgress?: (name: string, done: number, total: number, distance: number | null) => void
}

/**
 * Attacks an ONNX file.
 *
 * @example
 * const report = await attackModel('model.onnx', { dataset: 'mnist', samples: 100, radii: [0.5, 1] })
 * report.robustAccuracy // { '0.5': 0.87, '1': 0.41 }
 * @throws LipError for files that cannot be read, options that contradict each other, a missing runtime
 */
export async function attackModel(path: string, options: AttackModelOptions): Promise<AttackRunReport> {
  const started = performance.now()
  const deadline = options.timeBudget === undefined ? undefined : started + 1000 * options.timeBudget
  const { attacks: names = ['auto'], seed = 0 } = options
  const loaded = await readModel(path)
  const open = ([low, high]: readonly [low: number, high: number]) =>
    openVictim(loaded, {
      box: { low, high },
      ...(options.provider && { provider: options.provider }),
      ...(options.inputShapes && { inputShapes: options.inputShapes }),
    })
  const assumed = options.inputRange ?? UNIT
  let victim = await open(assumed)
  try {
    const samples = await loadSamples(options, victim.domain.dims, victim.domain.classes)
    const { data, indices, range } = samples
    if (range[0] !== assumed[0] || range[1] !== assumed[1]) {
      // The data know better where they live, and the model had to be open to ask for them.
      const inRange = await open(range)
      await victim.release()
      victim = inRange
    }
    options.note?.(`Attacking ${indices.length} samples on ${victim.provider} (${victim.reason}).`)
    const outcomes = await runAttacks(victim, samples, {
      names,
      seed,
      indices,
      signal: options.signal,
      deadline,
      ...(options.parameters && { parameters: options.parameters }),
      ...(options.batch !== undefined && { batch: options.batch }),
      ...(options.onAttackProgress && { onProgress: options.onAttackProgress }),
    })
    const { samples: count, ...found } = attackOutcome(outcomes, names.length, samples, options.radii ?? [])
    if (options.checkMasking) await noteMasking(victim, outcomes, samples, options)
    if (options.saveAdversarials !== undefined) await saveAdversarials(options.saveAdversarials, outcomes, samples)
    const shown = choosePictures(
      found.best.map(({ index, distance }) => ({ index, label: data.label(index), correct: distance !== 0 })),
    )
    const pictures = outcomes.length === 0 ? [] : drawPictures(shown, samples, outcomes, range)
    return {
      kind: 'attack',
      schemaVersion: SCHEMA_VERSION,
      tool: { name: 'lip-onnx', version: packageVersion() },
      ...(options.command !== undefined && { command: options.command }),
      seed,
      ...(options.shard && { shard: options.shard }),
      model: modelInfo(loaded),
      runtime: { provider: victim.provider, reason: victim.reason, assumptions: victim.assumptions },
      dataset: { name: data.name, split: data.split, samples: count, source: data.source, classes: data.classes },
      inputRange: range,
      ...found,
      ...(pictures.length > 0 && { pictures }),
      timing: { total: Math.round(performance.now() - started) / 1000 },
    }
  } finally {
    await victim.release()
  }
}

/** Samples on which signs of gradient masking are looked for. */
const MASKING_SAMPLES = 20

/** Holds the first white-box L2 attack against weaker ones, and says what came of it. */
async function noteMasking(
  victim: OpenedVictim,
  outcomes: readonly AttackOutcome[],
  samples: Samples,
  options: AttackModelOptions,
): Promise<void> {
  const { signal, seed = 0, note } = options
  const whiteBox = outcomes.find(({ report }) => {
    const attack = ATTACKS.get(report.name)
    return attack?.access === 'gradient' && attack.norm === 'l2'
  })
  if (!whiteBox) {
    note?.('Gradient masking: not checked, because no L2 attack with gradients was run.')
    return
  }
  if (signal?.aborted) return
  const { data, indices } = samples
  const chosen = new Set(indices.slice(0, MASKING_SAMPLES))
  const inputs = [...chosen].map((index) => ({ index, label: data.label(index), image: data.image(index) }))
  const report = { ...whiteBox.report, samples: whiteBox.report.samples.filter(({ index }) => chosen.has(index)) }
  const checks = await checkMasking(
    victim,
    { ...whiteBox, report },
    { samples: inputs, seed, ...(signal && { signal }) },
  )
  for (const { id, passed, message } of checks) {
    note?.(`Gradient masking, ${id}: ${passed ? 'no sign' : 'SUSPECT'}: ${message}.`)
  }
}
