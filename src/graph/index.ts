/**
 * What walks a graph: fixed shapes, float64 evaluation, differentiation, independence of rows.
 * @module
 */
export { COTANGENT, type DifferentiateOptions, differentiate, gradientName } from './differentiate.ts'
export { evaluate } from './evaluate.ts'
export { prepare } from './prepare.ts'
export type { PrepareOptions, Program, ProgramNode, Refusal } from './program.ts'
export { provesRowIndependence, type RowIndependence } from './rows.ts'
