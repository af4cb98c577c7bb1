import type { Dataset } from '../data/dataset.ts'
import { permutation, randomStream } from '../linalg/random.ts'
import type { Checkpoint, TrainingProgress } from './checkpoint.ts'
import type { Engine } from './engine.ts'
import { accuracy, multiclassKR } from './epoch-metrics.ts'
import type { Optimizer, OptimizerState } from './optimizers/optimizer.ts'
import { learningRateAt, type Schedule } from './schedule.ts'

/** The weights that the loop moves, as flat arrays. */
export interface WeightStore {
  /** Trainable ones only, in the order of the engine's gradients. */
  readVariables(): Float32Array[]
  writeVariables(values: readonly Float32Array[]): void
  /** All of them, state included. */
  readAll(): Float32Array[]
  writeAll(values: readonly Float32Array[]): void
}

export interface EpochMetrics extends Readonly<Record<string, number>> {
  readonly epoch: number
  readonly loss: number
  readonly accuracy: number
  readonly MulticlassKR: number
  readonly val_loss: number
  readonly val_accuracy: number
  readonly val_MulticlassKR: number
}

export interface LoopOptions {
  readonly engine: Engine
  readonly store: WeightStore
  readonly optimizer: Optimizer
  readonly learningRate: number
  readonly schedule: Schedule
  readonly train: Dataset
  readonly test: Dataset
  readonly batchSize: number
  readonly epochs: number
  readonly seed: number
  /** Batch loss without an update, for validation: mean over the batch. */
  readonly lossOf: (logits: Float32Array, labels: Int32Array) => number
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

/**
 * Trains for `epochs` epochs. The order of the samples is a function of (seed, epoch) alone, sums are carried in float64 and saved,
 * so a run that is interrupted after any batch and resumed gives the same numbers as one that is not.
 *
 * Bookkeeping is Keras': `loss` and `accuracy` are means over samples while the weights move, `MulticlassKR` is the unweighted mean
 * over batches; validation runs in batches of the same size with the weights at the end of the epoch.
 */
export async function trainLoop(options: LoopOptions): Promise<LoopResult> {
  const { engine, store, optimizer, train, test, batchSize, epochs, seed } = options
  const variables = store.readVariables()
  let state: OptimizerState = optimizer.create(variables.map((v) => v.length))
  let progress: TrainingProgress = { epoch: 0, batch: 0, sums: { loss: 0, correct: 0, kr: 0, samples: 0 }, history: [] }
  if (options.resume) {
    store.writeAll(options.resume.weights)
    state = { step: options.resume.optimizer.step, slots: options.resume.optimizer.slots.map((slot) => [...slot]) }
    progress = options.resume.progress
  }
  const batches = Math.ceil(train.count / batchSize)
  const snapshot = (): Checkpoint => ({ progress, weights: store.readAll(), optimizer: state })

  while (progress.epoch < epochs) {
    const order = permutation(train.count, randomStream(seed, 1, progress.epoch))
    const sums = { ...progress.sums } as { loss: number; correct: number; kr: number; samples: number }
    for (let batch = progress.batch; batch < batches; batch++) {
      if (options.signal?.aborted) return { history: historyOf(progress), checkpoint: snapshot(), interrupted: true }
      const { images, labels } = gather(train, order.subarray(batch * batchSize, (batch + 1) * batchSize))
      const { loss, logits, gradients } = await engine.step(images, labels)
      const values = store.readVariables()
      const done = (progress.epoch * batches + batch) / (epochs * batches)
      optimizer.update(state, values, gradients, learningRateAt(options.learningRate, options.schedule, done))
      store.writeVariables(values)
      sums.loss += loss * labels.length
      sums.correct += accuracy(logits, labels) * labels.length
      sums.kr += multiclassKR(logits, labels)
      sums.samples += labels.length
      progress = { ...progress, batch: batch + 1, sums: { ...sums } }
      options.onBatch?.({
        epoch: progress.epoch + 1,
        batch: batch + 1,
        batches,
        loss: sums.loss / sums.samples,
        accuracy: sums.correct / sums.samples,
        kr: sums.kr / (batch + 1),
      })
    }
    const validation = await evaluate(options, test)
    const metrics: EpochMetrics = {
      epoch: progress.epoch + 1,
      loss: sums.loss / sums.samples,
      accuracy: sums.correct / sums.samples,
      MulticlassKR: sums.kr / batches,
      val_loss: validation.loss,
      val_accuracy: validation.accuracy,
      val_MulticlassKR: validation.kr,
    }
    progress = {
      epoch: progress.epoch + 1,
      batch: 0,
      sums: { loss: 0, correct: 0, kr: 0, samples: 0 },
      history: [...progress.history, metrics],
    }
    await options.onEpoch?.(metrics, snapshot())
  }
  return { history: historyOf(progress), checkpoint: snapshot(), interrupted: false }
}

function historyOf(progress: TrainingProgress): readonly EpochMetrics[] {
  return progress.history as readonly EpochMetrics[]
}

async function evaluate(
  { engine, batchSize, lossOf }: LoopOptions,
  data: Dataset,
): Promise<{ loss: number; accuracy: number; kr: number }> {
  let loss = 0
  let correct = 0
  let kr = 0
  let batches = 0
  for (let start = 0; start < data.count; start += batchSize) {
    const count = Math.min(batchSize, data.count - start)
    const size = data.images.length / data.count
    const logits = await engine.predict(data.images.subarray(start * size, (start + count) * size), count)
    const labels = data.labels.subarray(start, start + count)
    loss += lossOf(logits, labels) * count
    correct += accuracy(logits, labels) * count
    kr += multiclassKR(logits, labels)
    batches++
  }
  return { loss: loss / data.count, accuracy: correct / data.count, kr: kr / batches }
}

function gather(data: Dataset, indices: Int32Array): { images: Float32Array; labels: Int32Array } {
  const size = data.images.length / data.count
  const images = new Float32Array(indices.length * size)
  const labels = new Int32Array(indices.length)
  for (let k = 0; k < indices.length; k++) {
    images.set(data.image(indices[k]!), k * size)
    labels[k] = data.label(indices[k]!)
  }
  return { images, labels }
}
