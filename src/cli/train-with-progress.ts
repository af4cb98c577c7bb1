import type { Dataset } from '../data/dataset.ts'
import { EXIT, type ExitCode } from '../errors.ts'
import type { BackendName } from '../training/backend.ts'
import type { EpochMetrics } from '../training/loop.ts'
import type { RunFolder } from '../training/run-folder.ts'
import type { EngineName, TrainedNetwork } from '../training/train.ts'
import type { Io } from './io.ts'

/** Options of every verb that trains. */
export const TRAINING_OPTIONS = {
  engine: {
    choices: ['auto', 'onnxruntime', 'tfjs'],
    default: 'auto',
    describe: 'Who runs the network; auto: tfjs in threads where that is possible, else onnxruntime',
  },
  backend: {
    choices: ['auto', 'wasm', 'cpu', 'tensorflow', 'webgpu'],
    default: 'wasm',
    describe: 'Backend of TensorFlow.js',
  },
  threads: {
    type: 'number',
    describe: 'Threads that run the network, in onnxruntime or in tfjs on wasm',
    defaultDescription: 'all cores',
  },
} as const

export interface TrainingArguments {
  readonly run: RunFolder
  readonly train: Dataset
  readonly test: Dataset
  readonly resume: boolean
  readonly engine: EngineName
  readonly backend: BackendName | 'auto'
  readonly threads?: number | undefined
}

/** Trains with a progress bar and one line an epoch; Ctrl-C saves the finished batches and gives exit code 130. */
export async function trainWithProgress(
  args: TrainingArguments,
  io: Io,
): Promise<TrainedNetwork | { readonly exitCode: ExitCode }> {
  const { train } = await import('../training/train.ts')
  const { run, threads, ...rest } = args
  const { config } = run
  const batches = Math.ceil(args.train.count / config.batchSize)
  const bar = io.progress('training', config.epochs * batches)
  const signal = io.interruptible()
  const result = await train({
    ...rest,
    run,
    ...(threads !== undefined && { threads }),
    signal,
    note: io.note,
    onStart: (description) => io.note(`Training with ${description}; run folder ${run.path}`),
    onBatch: ({ epoch, batch, loss, accuracy, kr }) =>
      bar.update(
        (epoch - 1) * batches + batch,
        `epoch ${epoch}/${config.epochs}  loss ${loss.toFixed(3)}  acc ${accuracy.toFixed(3)}  KR ${kr.toFixed(3)}`,
      ),
    onEpoch: (m) =>
      io.note(
        `epoch ${m.epoch}/${config.epochs}  loss ${m.loss.toFixed(4)}  accuracy ${m.accuracy.toFixed(4)}  KR ${m.MulticlassKR.toFixed(4)}` +
          `  |  ${describeValidation(m)}`,
      ),
  }).finally(() => bar.end())
  if (!result.interrupted) return result
  io.warn(`Interrupted. The state is saved: continue with --resume --out ${run.path}`)
  return { exitCode: EXIT.interrupted }
}

/** The validation figures of an epoch on one line, certified accuracies included. */
export function describeValidation(metrics: EpochMetrics): string {
  return Object.entries(metrics)
    .filter(([name]) => name.startsWith('val_'))
    .map(([name, value]) => `${name.replace('Multiclass', '').replaceAll('_', ' ')} ${value.toFixed(4)}`)
    .join('  ')
}
