/**
 * From a trained or imported network to plain, certified ONNX.
 * @module
 */
export { describeModel, describeNetwork } from './describe.ts'
export type { LayerDescription, NetworkDescription, WeightArray } from './description.ts'
export {
  certifiedModel,
  type ExportedLayer,
  type ExportOptions,
  type ExportResult,
  exportModel,
} from './export-model.ts'
export { readKerasModel } from './keras/read-keras.ts'
export { type LoweredNetwork, type LowerOptions, lower } from './lower.ts'
export { loadModel } from './tfjs/load-model.ts'
export { readTfjsModel } from './tfjs/read-model.ts'
export { writeTfjsModel } from './tfjs/write-model.ts'
