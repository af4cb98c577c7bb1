/**
 * Bounds of a network and certificates of its samples.
 * @module
 */
export { type AnalyseOptions, type Analysis, analyse } from './analyse.ts'
export { certify, predict, type Sample, type Steps, stepsOf } from './certify.ts'
export { type Enclosure, encloseConvolution, encloseMatrix, encloseStructure } from './norms/index.ts'
