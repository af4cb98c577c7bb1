/**
 * Training: configurations, engines, the loop, run folders.
 * @module
 */
export { type Backend, type BackendName, startBackend } from './backend.ts'
export { buildNetwork } from './build-network.ts'
export { type Checkpoint, readCheckpoint, writeCheckpoint } from './checkpoint.ts'
export type { LayerConfig, TrainingConfig } from './config.ts'
export { DEMO4_FAST, DEMO4_FULL, DEMO4_SHORT } from './demo4.ts'
export type { Engine, StepResult } from './engine.ts'
export { type EpochMetrics, type LoopOptions, trainLoop } from './loop.ts'
export { onnxruntimeEngine } from './onnxruntime-engine.ts'
export { readTrainingConfig } from './read-config.ts'
export { openRunFolder, type RunFolder } from './run-folder.ts'
export { tfjsEngine } from './tfjs-engine.ts'
export { type TrainedNetwork, type TrainOptions, train } from './train.ts'
