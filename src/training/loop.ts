import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Dataset } from '../data/dataset.ts'
import { LipError } from '../errors.ts'
import { permutation, randomStream } from '../linalg/random.ts'
import type { Augmentation } from './augment.ts'
import { gatherBatch } from './batch.ts'
import { isStalled } from './best-epoch.ts'
import type { Checkpoint, TrainingProgress } from './checkpoint.ts'
import type { TrainingConfig } from './config.ts'
import type { Engine } from './engine.ts'
import { accuracy, multiclassKR } from './epoch-metrics.ts'
import type { Objective } from './objective.ts'
import type { Optimizer, OptimizerState } from './optimizers/optimizer.ts'
import { learningRateAt, type Schedule } from './schedule.ts'
import { type ValidationMetrics, validate } from './validate.ts'

/** The weights that the loop moves, as flat arrays. */
export interface WeightStore {
  /** Trainable ones only, in the order of the engine's gradients. */
  readVariables(): Float32Array[]
  /** Writes them and projects those that have a constraint. */
  writeVariables(values: readonly Float32Array[]): void
  /** All of them, state included. */
  readAll(): Float32Array[]
  writeAll(values: readonly Float32Array[]): void
}

/** A line of metrics.jsonl; certified accuracies come on top where they are asked for. */
export interface EpochMetrics extends ValidationMetrics, Readonly<Record<string, number>> {
  readonly epoch: number
  readonly loss: number
  readonly accuracy: number
  readonly MulticlassKR: number
}

/** What the loop tells while it runs, in Keras' order; numbers count from 0. */
export interface LoopCallback {
  onTrainBegin(): Promise<void>
  onBatchBegin(batch: number): Promise<void>
  onBatchEnd(batch: number): Promise<void>
  onEpochEnd(epoch: number): Promise<void>
}

export interface LoopOptions {
  readonly engine: Engine
  readonly store: WeightStore
  readonly objective: Pick<Objective, 'evaluate' | 'state' | 'restore'>
  readonly optimizer: Optimizer
  readonly learningRate: number
  readonly schedule: Schedule
  readonly train: Dataset
  readonly test: Dataset
  readonly batchSize: number
  readonly epochs: number
  readonly seed: number
  readonly augmentation?: Augmentation
  readonly callbacks?: readonly LoopCallback[]
  readonly earlyStopping?: TrainingConfig['earlyStopping']
  /** Further figures of an epoch (1, 2, ...), measured with the weights at its end. */
  readonly measure?: (epoch: number) => Promise<Readonly<Record<string, number>>>
  readonly resume?: Checkpoint
  readonly signal?: AbortSignal
  readonly onBatch?: (state: BatchState) => void
  /** Awaited: the run folder is written before the next epoch begins. */
  readonly onEpoch?: (metrics: EpochMetrics, checkpoint: Checkpoint) => Promise<void>
}

export interface BatchState {
  readonly epoch: number
  readonly batch: number
  readonly batches: number
  readonly loss: number
  readonly accuracy: number
  readonly kr: number
}

export interface LoopResult {
  readonly history: readonly EpochMetrics[]
  readonly checkpoint: Checkpoint
  /** The signal fired before the last epoch ended; the checkpoint is that of the last finished batch. */
  readonly interrupted: boolean
}

const NOTHING = { loss: 0, correct: 0, kr: 0, samples: 0 }

/**
 * Trains for `epochs` epochs, fewer where early stopping says so. The order of the samples is a function of (seed, epoch) alone,
 * sums are carried in float64 and saved, so a run that is interrupted after any batch and resumed gives the same numbers as one
 * that is not.
 *
 * Bookkeeping is Keras': `loss` and `accuracy` are means over samples while the weights move, `MulticlassKR` is the unweighted mean
 * over batches; validation runs in batches of the same size with the weights at the end of the epoch, before the callbacks.
 */
export async function trainLoop(options: LoopOptions): Promise<LoopResult> {
  const { engine, store, objective, optimizer, train, batchSize, epochs, seed, callbacks = [] } = options
  const sizes = store.readVariables().map((variable) => variable.length)
  let state: OptimizerState = optimizer.create(sizes)
  let progress: TrainingProgress = { epoch: 0, batch: 0, sums: NOTHING, history: [], loss: {} }
  if (options.resume) {
    store.writeAll(options.resume.weights)
    state = resumedState(state, options.resume.optimizer)
    progress = options.resume.progress
    objective.restore(progress.loss)
  }
  const batches = Math.ceil(train.count / batchSize)
  const snapshot = (): Checkpoint => ({
    progress: { ...progress, loss: objective.state() },
    weights: store.readAll(),
    optimizer: state,
  })
  const result = (interrupted: boolean): LoopResult => ({
    history: progress.history as readonly EpochMetrics[],
    checkpoint: snapshot(),
    interrupted,
  })

  for (const callback of callbacks) await callback.onTrainBegin()
  while (progress.epoch < epochs) {
    if (options.earlyStopping && isStalled(progress.history, options.earlyStopping)) break
    const { epoch } = progress
    const order = permutation(train.count, randomStream(seed, 1, epoch))
    const augmentation = options.augmentation && { how: options.augmentation, seed, epoch }
    const sums = { ...progress.sums } as typeof NOTHING
    for (let batch = progress.batch; batch < batches; batch++) {
      // Signals arrive between turns of the event loop, and an engine may never leave the turn by itself.
      await nextTurn()
      if (options.signal?.aborted) return result(true)
      for (const callback of callbacks) await callback.onBatchBegin(batch)
      const indices = order.subarray(batch * batchSize, (batch + 1) * batchSize)
      const { images, labels } = gatherBatch(train, indices, augmentation)
      const { loss, logits, gradients } = await engine.step(images, labels)
      refuseNoNumber(loss, epoch, batch)
      const values = store.readVariables()
      const done = (epoch * batches + batch) / (epochs * batches)
      optimizer.update(state, values, gradients, learningRateAt(options.learningRate, options.schedule, done))
      store.writeVariables(values)
      for (const callback of callbacks) await callback.onBatchEnd(batch)
      sums.loss += loss * labels.length
      sums.correct += accuracy(logits, labels) * labels.length
      sums.kr += multiclassKR(logits, labels)
      sums.samples += labels.length
      progress = { ...progress, batch: batch + 1, sums: { ...sums } }
      options.onBatch?.({
        epoch: epoch + 1,
        batch: batch + 1,
        batches,
        loss: sums.loss / sums.samples,
        accuracy: sums.correct / sums.samples,
        kr: sums.kr / (batch + 1),
      })
    }
    const metrics: EpochMetrics = {
      epoch: epoch + 1,
      loss: sums.loss / sums.samples,
      accuracy: sums.correct / sums.samples,
      MulticlassKR: sums.kr / batches,
      ...(await validate(engine, options.test, batchSize, objective.evaluate)),
      ...(await options.measure?.(epoch + 1)),
    }
    for (const callback of callbacks) await callback.onEpochEnd(epoch)
    progress = { ...progress, epoch: epoch + 1, batch: 0, sums: NOTHING, history: [...progress.history, metrics] }
    await options.onEpoch?.(metrics, snapshot())
  }
  return result(false)
}

function resumedState(fresh: OptimizerState, saved: Checkpoint['optimizer']): OptimizerState {
  const fits =
    saved.slots.length === fresh.slots.length &&
    fresh.slots.every((slots, i) => sizesOf(slots) === sizesOf(saved.slots[i]!))
  if (fits) return { step: saved.step, slots: saved.slots.map((slots) => [...slots]) }
  throw new LipError('DATA_INVALID', 'The checkpoint holds the state of another optimizer than the configuration.', {
    hint: 'Was config.json of the run folder edited? Start a new run in another folder.',
  })
}

function sizesOf(slots: readonly Float32Array[]): string {
  return slots.map((slot) => slot.length).join()
}

/** Training that has diverged only wastes time; the last checkpoint is still good. */
function refuseNoNumber(loss: number, epoch: number, batch: number): void {
  if (Number.isFinite(loss)) return
  throw new LipError(
    'DATA_INVALID',
    `The loss is ${loss} in batch ${batch + 1} of epoch ${epoch + 1}: training diverged.`,
    {
      hint: 'Lower optimizer.learningRate, or check the data.',
    },
  )
}
