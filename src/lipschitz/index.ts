/**
 * The proof: bounds, certificates and what is known about rounding.
 * @module
 */
export { type AnalyseOptions, type Analysis, analyse, type Proof } from './analyse.ts'
export { certify, predict, type Sample, type Steps, stepsOf } from './certify.ts'
export { type Conformance, type ConformanceSample, checkConformance } from './conformance.ts'
export { explain } from './explain.ts'
export { exposeTensor } from './expose-tensor.ts'
export { type LowerBounds, type LowerOptions, lowerBounds, withLowerBounds } from './jacobian-lower.ts'
export { type LedgerEntry, ledgerOf } from './ledger.ts'
export { ROUNDING_PROFILES, type RoundingProfile } from './rounding-profile.ts'
