/**
 * Two-sided enclosure of the spectral norm of a matrix: Gram matrix of the short side and one Cholesky factorisation above, a
 * Rayleigh quotient below, for the vector that the same Gram matrix gives.
 * @module
 */
import type { Enclosure } from '../../linalg/enclosure.ts'
import { lanczosLower, lanczosTop, quotient } from '../../linalg/lanczos.ts'
import {
  binaryExponent,
  largestMagnitude,
  scaledCopy,
  scaleLowerBound,
  scaleUpperBound,
} from '../../linalg/power-of-two.ts'
import { addProductTransposed } from '../../linalg/product.ts'
import { gamma, nextUp, UNIT, upward } from '../../linalg/rounding.ts'
import { vectorNormUpper } from '../../linalg/vector-norm.ts'
import type { NdArray } from '../../onnx/ir.ts'
import type { MatrixStructure } from '../../ops/operator.ts'
import type { NormOptions } from './convolution.ts'
import { boundGram, type FiniteGram } from './finite-gram.ts'
import { distanceTo, rootUp, storedRelativeError, widen } from './perturbed.ts'

/** Multiplications allowed for the Gram matrix and its factorisation at effort 1 (a 4096 x 4096 matrix passes). */
const GRAM = 6e10

/** @param structure matrix `[out, in]` */
export function encloseMatrix(
  structure: Pick<MatrixStructure, 'matrix' | 'perturbation'>,
  options: NormOptions = {},
): Enclosure {
  const { matrix, perturbation = 0 } = structure
  const [rows, columns] = sidesOf(matrix)
  const magnitude = largestMagnitude(matrix.data)
  if (!Number.isFinite(magnitude)) return { lower: 0, upper: Number.POSITIVE_INFINITY, method: 'not-finite' }
  const relative = storedRelativeError(matrix.relativeError)
  if (magnitude === 0) return widen({ lower: 0, upper: 0, method: 'zero' }, distanceTo(relative, 0, perturbation))
  const exponent = binaryExponent(magnitude)
  const data = scaledCopy(matrix.data, -exponent)
  const absoluteSquare = schurSquare(data, rows, columns)

  const { tolerance = 5e-5, effort = 1 } = options
  const [short, long] = rows <= columns ? [rows, columns] : [columns, rows]
  const affordable = (short * short * long) / 2 + short ** 3 / 6 <= GRAM * effort
  const gram = affordable ? gramOf(data, rows, columns, absoluteSquare) : undefined
  const lower = attained(data, rows, columns, absoluteSquare, gram)
  let square = absoluteSquare
  let method = 'schur'
  const frobenius = vectorNormUpper(data)
  if (upward(frobenius * frobenius) < square) {
    square = upward(frobenius * frobenius)
    method = 'frobenius'
  }
  if (gram && Math.sqrt(square) > lower * (1 + Math.min(tolerance, 1e-9))) {
    const found = boundGram(gram, lower * lower, square)
    if (found < square) {
      square = found
      method = 'dense-cholesky'
    }
  }
  const enclosure = {
    lower: scaleLowerBound(lower, exponent),
    // The largest element is at least 1/2 in these units: what scaling lost below the normal range is far within 2^-48.
    upper: scaleUpperBound(rootUp(square) * (1 + 2 ** -48), exponent),
    method,
    details: { size: short },
  }
  if (enclosure.lower > enclosure.upper) throw new Error(`Enclosure of a ${rows} x ${columns} matrix is empty.`)
  const absolute = scaleUpperBound(rootUp(absoluteSquare), exponent)
  return widen(enclosure, distanceTo(relative, absolute, perturbation))
}

/** Upper bound of the spectral norm of a matrix `[out, in]`. */
export function matrixNormUpper(matrix: NdArray, options: NormOptions = {}): number {
  return encloseMatrix({ matrix }, options).upper
}

/** A matrix has two dims; a vector is one row. */
function sidesOf({ dims }: NdArray): readonly [number, number] {
  if (dims.length === 2) return [dims[0]!, dims[1]!]
  if (dims.length < 2) return [1, dims[0] ?? 1]
  throw new Error(`A matrix of rank ${dims.length} has no spectral norm.`)
}

/** |M|_1 |M|_inf >= || |M| ||² (Schur), rounded up. */
export function schurSquare(data: Float64Array, rows: number, columns: number): number {
  const sums = new Float64Array(columns)
  let most = 0
  for (let i = 0; i < rows; i++) {
    let row = 0
    for (let j = 0; j < columns; j++) {
      const magnitude = Math.abs(data[i * columns + j]!)
      row += magnitude
      sums[j] += magnitude
    }
    most = Math.max(most, row)
  }
  return most * largestMagnitude(sums) * (1 + 2 * gamma(Math.max(rows, columns) + 4))
}

/** The Gram matrix of the short side, its lower triangle as `[short, short]`. */
export interface MatrixGram extends FiniteGram {
  readonly lower: Float64Array
}

/** Exported for the tests, which start its bound from below the truth. */
export function gramOf(data: Float64Array, rows: number, columns: number, absoluteSquare: number): MatrixGram {
  const wide = rows <= columns
  const [size, long] = wide ? [rows, columns] : [columns, rows]
  const m = wide ? data : transpose(data, rows, columns)
  const lower = new Float64Array(size * size)
  // Blocks of rows keep the operands in cache; of the blocks only those of the lower triangle are formed.
  const block = 32
  for (let i = 0; i < size; i += block)
    for (let j = 0; j <= i; j += block) {
      const [p, q] = [Math.min(block, size - i), Math.min(block, size - j)]
      addProductTransposed(lower, i * size + j, size, m, i * long, long, m, j * long, long, p, q, long)
    }
  return {
    size,
    halfWidth: size,
    lower,
    addRow(i, target, at) {
      for (let j = 0; j <= i; j++) target[at + j] += lower[i * size + j]!
    },
    error: gamma(long + 4) * absoluteSquare * (1 + 2 ** -20),
  }
}

function transpose(data: Float64Array, rows: number, columns: number): Float64Array {
  const result = new Float64Array(data.length)
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) result[j * rows + i] = data[i * columns + j]!
  return result
}

/** Lower bound of the norm by a vector; how it was found does not matter. */
function attained(
  data: Float64Array,
  rows: number,
  columns: number,
  absoluteSquare: number,
  gram: MatrixGram | undefined,
): number {
  const error = gamma(columns + 4) * rootUp(absoluteSquare)
  const apply = (x: Float64Array) => {
    const y = new Float64Array(rows)
    addProductTransposed(y, 0, 1, data, 0, columns, x, 0, columns, rows, 1, columns)
    return y
  }
  const adjoint = (y: Float64Array) => {
    const x = new Float64Array(columns)
    for (let i = 0; i < rows; i++) {
      const v = y[i]!
      for (let j = 0; j < columns; j++) x[j] += data[i * columns + j]! * v
    }
    return x
  }
  const errorOf = (x: Float64Array) => nextUp(error * vectorNormUpper(x)) * (1 + 4 * UNIT)
  const tolerance = 1e-7
  if (gram) {
    const { vector } = lanczosTop((x, y) => multiply(gram, x, y), gram.size, { steps: 80, tolerance })
    return quotient(apply, rows <= columns ? adjoint(vector) : vector, errorOf)
  }
  const { lower } = lanczosLower(apply, adjoint, columns, errorOf, {
    steps: Math.max(12, Math.min(80, Math.floor(2e9 / data.length))),
    basis: Math.max(6, Math.min(80, Math.floor(2e7 / columns))),
    tolerance,
  })
  return lower
}

/** y = G x. */
function multiply({ size, lower }: MatrixGram, x: Float64Array, y: Float64Array): void {
  y.fill(0)
  for (let i = 0; i < size; i++) {
    const row = i * size
    const p = x[i]!
    let sum = 0
    for (let j = 0; j < i; j++) {
      const g = lower[row + j]!
      sum += g * x[j]!
      y[j] += g * p
    }
    y[i] = sum + lower[row + i]! * p
  }
}
