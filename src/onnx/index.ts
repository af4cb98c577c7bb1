/**
 * The ONNX file: reader, writer, builder, and the model as plain values.
 * @module
 */
export { GraphBuilder, type GraphBuilderOptions } from './builder.ts'
export type * from './ir.ts'
export { decodeModel, type LoadedModel, readModel } from './read.ts'
export { fromNdArray, toNdArray } from './tensor.ts'
export { encodeModel, writeModel } from './write.ts'
