import { availableParallelism } from 'node:os'
import type { Dataset } from '../data/dataset.ts'
import { LipError } from '../errors.ts'
import { HAS_SIMD } from '../layers/kernels/simd-function.ts'
import type { Sequential } from '../layers/sequential.ts'
import * as tf from '../layers/tf.ts'
import { type BackendName, startBackend } from './backend.ts'
import { bestEpoch, type Target } from './best-epoch.ts'
import { buildNetwork } from './build-network.ts'
import { createCallbacks } from './callbacks.ts'
import { certifiedAccuracy } from './certified-accuracy.ts'
import type { TrainingConfig } from './config.ts'
import { dataParallelEngine } from './data-parallel-engine.ts'
import type { Engine, EngineOptions } from './engine.ts'
import { indivisible } from './layer-copies.ts'
import { type BatchState, type EpochMetrics, type LoopResult, trainLoop } from './loop.ts'
import { missingGradient } from './missing-gradient.ts'
import { createObjective } from './objective.ts'
import { onnxruntimeEngine } from './onnxruntime-engine.ts'
import { createOptimizer } from './optimizers/index.ts'
import type { RunFolder } from './run-folder.ts'
import { tfjsEngine } from './tfjs-engine.ts'
import { weightStore } from './variables.ts'

export type EngineName = 'auto' | 'onnxruntime' | 'tfjs'

export interface TrainOptions {
  readonly run: RunFolder
  readonly train: Dataset
  readonly test: Dataset
  readonly resume: boolean
  /** 'auto': tfjs in threads where the network can be divided among them, else onnxruntime where it can train every layer, else tfjs. */
  readonly engine?: EngineName
  readonly backend?: BackendName | 'auto'
  /** Of the network's passes: onnxruntime's, or those that share a batch on tfjs' wasm backend. Default: all cores. */
  readonly threads?: number
  readonly signal?: AbortSignal
  /** Which engine runs, and why not the other where that is not plain. */
  readonly onStart?: (description: string) => void
  readonly onBatch?: (state: BatchState) => void
  readonly onEpoch?: (metrics: EpochMetrics) => void
  /** Lines of callbacks (LossParamLog). Default: dropped. */
  readonly note?: (line: string) => void
}

export interface TrainedNetwork extends LoopResult {
  /** With the weights of the chosen epoch. */
  readonly network: Sequential
  /** Figures of the last epoch, or of the best one where the configuration keeps it. */
  readonly chosen: EpochMetrics | undefined
  readonly engine: string
}

/**
 * Trains the network of a run folder, checkpointing every epoch; on an interrupt the finished batches are saved too.
 *
 * @throws LipError CONFIG_INVALID or DATA_INVALID for what cannot be trained together
 */
export async function train(options: TrainOptions): Promise<TrainedNetwork> {
  const { run, train: trainSet, test } = options
  const { config } = run
  await startBackend(options.backend ?? 'wasm')
  const { inputShape } = config.network
  checkShape(trainSet, inputShape)
  const network = buildNetwork(config)
  checkOutputs(network, trainSet)
  const objective = createObjective(config.loss, network.layers)
  const resume = options.resume ? await run.latest() : undefined
  const callbacks = createCallbacks(config.callbacks ?? [], {
    network,
    loss: objective.loss,
    folder: (i) => run.file(`monitor-${i + 1}`),
    resume,
    note: options.note ?? (() => {}),
  })
  const target = keptTarget(config)
  const { certify, data, earlyStopping } = config
  const store = weightStore(network.layers)
  const engine = await chooseEngine(options, { layers: network.layers, inputShape, objective })
  try {
    await run.begin()
    options.onStart?.(engine.description)
    const result = await trainLoop({
      engine,
      store,
      objective,
      optimizer: createOptimizer(config.optimizer),
      learningRate: config.optimizer.learningRate,
      schedule: config.optimizer.schedule ?? { kind: 'constant' },
      train: trainSet,
      test,
      batchSize: config.batchSize,
      epochs: config.epochs,
      seed: config.seed,
      callbacks,
      ...(data.augmentation && { augmentation: data.augmentation }),
      ...(earlyStopping && { earlyStopping }),
      ...(certify && {
        measure: async (epoch: number) =>
          epoch % (certify.every ?? 1) === 0 ? certifiedAccuracy(network, config, test, certify) : {},
      }),
      ...(resume && { resume }),
      ...(options.signal && { signal: options.signal }),
      ...(options.onBatch && { onBatch: options.onBatch }),
      async onEpoch(metrics, state) {
        const { history } = state.progress
        await run.writeEpoch(state, { best: target !== undefined && bestEpoch(history, target) === history.length - 1 })
        options.onEpoch?.(metrics)
      },
    })
    if (result.interrupted) await run.writeEpoch(result.checkpoint)
    const best = target && !result.interrupted ? await run.best() : undefined
    if (best) store.writeAll(best.weights)
    const chosen = (best?.progress.history.at(-1) as EpochMetrics | undefined) ?? result.history.at(-1)
    return { ...result, network, chosen, engine: engine.description }
  } finally {
    await engine.dispose()
  }
}

/** What best.npz is chosen by; undefined when it is not kept. */
function keptTarget({ keepBest }: TrainingConfig): Target | undefined {
  if (!keepBest) return undefined
  return keepBest === true ? { monitor: 'val_accuracy' } : keepBest
}

async function chooseEngine(options: TrainOptions, common: EngineOptions): Promise<Engine> {
  const wanted = options.engine ?? 'auto'
  // On wasm the convolutions, products and poolings are machine code of our own: faster than onnxruntime's graph of the gradient.
  const inThreads = () =>
    tf.getBackend() === 'wasm' &&
    HAS_SIMD &&
    indivisible(common.layers) === undefined &&
    missingGradient(common) === undefined
  if (wanted === 'tfjs' || (wanted === 'auto' && inThreads())) return chooseTfjsEngine(options, common)
  try {
    return await onnxruntimeEngine({ ...common, ...(options.threads && { threads: options.threads }) })
  } catch (error) {
    // A layer without an ONNX form trains in tfjs; asked for by name, the engine is refused instead.
    if (wanted !== 'auto' || !(error instanceof LipError)) throw error
    const engine = await chooseTfjsEngine(options, common)
    return { ...engine, description: `${engine.description} (onnxruntime cannot: ${error.message})` }
  }
}

/** On wasm, which has one thread a backend, the batch is divided where the network allows it. */
async function chooseTfjsEngine({ threads, run }: TrainOptions, common: EngineOptions): Promise<Engine> {
  if (tf.getBackend() !== 'wasm') return tfjsEngine(common)
  const obstacle = indivisible(common.layers)
  if (obstacle === undefined) {
    return dataParallelEngine({
      ...common,
      threads: threads ?? availableParallelism(),
      largestBatch: run.config.batchSize,
    })
  }
  const engine = tfjsEngine(common)
  return { ...engine, description: `${engine.description}, 1 thread (${obstacle})` }
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

/** @throws LipError DATA_INVALID when the classes are not those that the network tells apart */
function checkOutputs(network: Sequential, data: Dataset): void {
  const shape = network.outputs[0]!.shape
  const outputs = shape[1]!
  const classes = data.classes.length
  if (shape.length !== 2) {
    throw new LipError('CONFIG_INVALID', `The network ends with samples of shape [${shape.slice(1).join(', ')}].`, {
      hint: 'End it with a dense layer: one output a class, or one output for two classes.',
    })
  }
  if (outputs === 1 ? classes === 2 : outputs === classes) return
  throw new LipError(
    'DATA_INVALID',
    `The network has ${outputs} output${outputs === 1 ? '' : 's'} and '${data.name}' has ${classes} classes.`,
    { hint: 'Two classes may share one output; choose classes with data.classes.' },
  )
}
