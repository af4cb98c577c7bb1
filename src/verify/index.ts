/**
 * Verification of an ONNX file, from bytes to a report.
 * @module
 */
export { type AttackModelOptions, attackModel } from './attack-model.ts'
export { type Inspection, inspectModel } from './inspect.ts'
export type { SampleSource, Shard } from './samples.ts'
export { type VerifyOptions, verifyModel } from './verify-model.ts'
