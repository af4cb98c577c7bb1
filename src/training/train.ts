import type { Dataset } from '../data/dataset.ts'
import { LipError } from '../errors.ts'
import type { Sequential } from '../layers/sequential.ts'
import * as tf from '../layers/tf.ts'
import { createLoss } from '../losses/index.ts'
import { type BackendName, startBackend } from './backend.ts'
import { buildNetwork } from './build-network.ts'
import type { TrainingConfig } from './config.ts'
import type { Engine } from './engine.ts'
import { type BatchState, type EpochMetrics, type LoopResult, trainLoop } from './loop.ts'
import { onnxruntimeEngine } from './onnxruntime-engine.ts'
import { adam } from './optimizers/adam.ts'
import { sgd } from './optimizers/sgd.ts'
import type { RunFolder } from './run-folder.ts'
import { tfjsEngine } from './tfjs-engine.ts'
import { weightStore } from './variables.ts'

export type EngineName = 'auto' | 'onnxruntime' | 'tfjs'

export interface TrainOptions {
  readonly run: RunFolder
  readonly train: Dataset
  readonly test: Dataset
  readonly resume: boolean
  /** 'auto': onnxruntime where every layer can be lowered, else tfjs. */
  readonly engine?: EngineName
  readonly backend?: BackendName | 'auto'
  readonly threads?: number
  readonly signal?: AbortSignal
  readonly onStart?: (description: string) => void
  readonly onBatch?: (state: BatchState) => void
  readonly onEpoch?: (metrics: EpochMetrics) => void
}

export interface TrainedNetwork extends LoopResult {
  readonly network: Sequential
  readonly engine: string
}

/**
 * Trains the network of a run folder, checkpointing every epoch; on an interrupt the finished batches are saved too.
 */
export async function train(options: TrainOptions): Promise<TrainedNetwork> {
  const { run } = options
  const { config } = run
  await startBackend(options.backend ?? 'wasm')
  const { inputShape } = config.network
  checkShape(options.train, inputShape)
  const network = buildNetwork(config)
  const loss = createLoss(config.loss)
  const lossOf = (labels: tf.Tensor2D, logits: tf.Tensor2D): tf.Scalar => loss.apply(labels, logits) as tf.Scalar
  const engine = await chooseEngine(options, network, inputShape, lossOf)
  try {
    options.onStart?.(engine.description)
    const checkpoint = options.resume ? await run.latest() : undefined
    const result = await trainLoop({
      engine,
      store: weightStore(network.layers),
      optimizer: optimizerOf(config),
      learningRate: config.optimizer.learningRate,
      schedule: config.optimizer.schedule ?? { kind: 'constant' },
      train: options.train,
      test: options.test,
      batchSize: config.batchSize,
      epochs: config.epochs,
      seed: config.seed,
      lossOf: (logits, labels) => lossValue(lossOf, logits, labels),
      ...(checkpoint && { resume: checkpoint }),
      ...(options.signal && { signal: options.signal }),
      ...(options.onBatch && { onBatch: options.onBatch }),
      async onEpoch(metrics, state) {
        await run.writeEpoch(state)
        options.onEpoch?.(metrics)
      },
    })
    if (result.interrupted) await run.writeEpoch(result.checkpoint)
    return { ...result, network, engine: engine.description }
  } finally {
    await engine.dispose()
  }
}

async function chooseEngine(
  options: TrainOptions,
  network: Sequential,
  inputShape: readonly number[],
  loss: (labels: tf.Tensor2D, logits: tf.Tensor2D) => tf.Scalar,
): Promise<Engine> {
  const common = { layers: network.layers, inputShape, loss }
  const wanted = options.engine ?? 'auto'
  if (wanted === 'tfjs') return tfjsEngine(common)
  try {
    return await onnxruntimeEngine({ ...common, ...(options.threads && { threads: options.threads }) })
  } catch (error) {
    // A layer without an ONNX form trains in tfjs; asked for by name, the engine is refused instead.
    if (wanted === 'auto' && error instanceof LipError) return tfjsEngine(common)
    throw error
  }
}

function optimizerOf({ optimizer }: TrainingConfig) {
  return optimizer.name === 'adam' ? adam() : sgd({ momentum: optimizer.momentum ?? 0 })
}

function lossValue(
  loss: (labels: tf.Tensor2D, logits: tf.Tensor2D) => tf.Scalar,
  logits: Float32Array,
  labels: Int32Array,
): number {
  return tf.tidy(() => {
    const classes = logits.length / labels.length
    const truth = tf.cast(tf.oneHot(tf.tensor1d(labels, 'int32'), classes), 'float32') as tf.Tensor2D
    return loss(truth, tf.tensor2d(logits, [labels.length, classes])).dataSync()[0]!
  })
}

/** @throws LipError DATA_INVALID when the samples are not what the network takes */
function checkShape(data: Dataset, inputShape: readonly number[]): void {
  const [channels, height, width] = data.dims
  const actual = data.dims.length === 3 ? [height, width, channels] : data.dims
  if (actual.join() === inputShape.join()) return
  throw new LipError(
    'DATA_INVALID',
    `The network takes samples of shape [${inputShape.join(', ')}] and '${data.name}' has [${actual.join(', ')}].`,
    { hint: 'Shapes are channels last: [height, width, channels].' },
  )
}
