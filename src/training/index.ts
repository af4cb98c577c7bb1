/**
 * Training: configurations, run folders, the loop and its engines.
 * @module
 */
export { type Backend, type BackendName, probeBackends, startBackend } from './backend.ts'
export { buildNetwork } from './build-network.ts'
export { type Checkpoint, readCheckpoint, writeCheckpoint } from './checkpoint.ts'
export type { CallbackConfig, DataConfig, LayerConfig, OptimizerConfig, TrainingConfig } from './config.ts'
export { type DataParallelOptions, dataParallelEngine } from './data-parallel-engine.ts'
export { DEMO4_FAST, DEMO4_FULL, DEMO4_SHORT } from './demo4.ts'
export type { Engine, EngineOptions, StepResult } from './engine.ts'
export { indivisible } from './layer-copies.ts'
export { loadTrainingData } from './load-data.ts'
export { type EpochMetrics, type LoopOptions, type LoopResult, trainLoop } from './loop.ts'
export { createObjective, type Objective } from './objective.ts'
export { onnxruntimeEngine } from './onnxruntime-engine.ts'
export { readTrainingConfig } from './read-config.ts'
export { openRunFolder, type RunFolder } from './run-folder.ts'
export { tfjsEngine } from './tfjs-engine.ts'
export { type TrainedNetwork, type TrainOptions, train } from './train.ts'
