/**
 * The language of index-level fusion: each element of a tensor is a number that names a hash-consed expression over the
 * elements ("leaves") of one or more ancestor tensors. The pool simplifies as it builds; graph/fusion implements it and
 * proves constants about the result.
 * @module
 */
import type { Shape } from '../onnx/ir.ts'

export type ExpressionId = number

/** A tensor of expressions, row-major; `ids` are held as float64 so that data movement can be run by `evaluate`. */
export interface SymbolicArray {
  readonly dims: Shape
  readonly ids: Float64Array
}

/** Every method returns OPAQUE (-1) when the result has no useful form; OPAQUE in gives OPAQUE out. */
export interface ExpressionPool {
  constant(value: number): ExpressionId
  /** Value of a constant expression, else undefined. */
  valueOf(id: ExpressionId): number | undefined
  /** sum of coefficients[i] * ids[i]. */
  linear(ids: readonly ExpressionId[], coefficients: readonly number[]): ExpressionId
  max(ids: readonly ExpressionId[]): ExpressionId
  min(ids: readonly ExpressionId[]): ExpressionId
  /** All order statistics, ascending. */
  sort(ids: readonly ExpressionId[]): readonly ExpressionId[]
  abs(id: ExpressionId): ExpressionId
  /** a * b of two expressions: squares, sign(x) * |x| and constant factors are understood. */
  multiply(a: ExpressionId, b: ExpressionId): ExpressionId
  sign(id: ExpressionId): ExpressionId
  /** The truth of id > 0 (strict) or id >= 0. */
  step(id: ExpressionId, strict: boolean): ExpressionId
  /** condition ? a : b, understood where a - b is a multiple of what the condition asks about, so that nothing jumps. */
  choose(condition: ExpressionId, a: ExpressionId, b: ExpressionId): ExpressionId
  /** Square root; understood for non-negative combinations of squares (plus a non-negative constant). */
  sqrt(id: ExpressionId): ExpressionId
}

export const OPAQUE = -1
