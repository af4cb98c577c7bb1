/**
 * lip-onnx: proofs, attacks and reports about ONNX files, from Node. Nothing here loads TensorFlow.js; the trainer is in
 * `lip-onnx/layers`, `lip-onnx/losses`, `lip-onnx/training` and their neighbours.
 *
 * @example
 * import { verifyModel, writeReport } from 'lip-onnx'
 * const report = await verifyModel('model.onnx', { dataset: 'fashion-mnist', samples: 1000 })
 * await writeReport(report, 'report.html')
 * process.exitCode = report.exitCode
 * @module
 */
export * from './attacks/index.ts'
export * from './data/index.ts'
export { EXIT, type ExitCode, LipError, type LipErrorCode } from './errors.ts'
export * from './gate/index.ts'
export * from './graph/index.ts'
export * from './lipschitz/index.ts'
export * from './onnx/index.ts'
export * from './report/index.ts'
export * from './runtime/index.ts'
export * from './verify/index.ts'
export { packageVersion } from './version.ts'
