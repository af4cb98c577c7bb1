/**
 * Bounds of single outputs, pairs of outputs and all outputs, from the rows of the last affine segment and the constant of
 * its input (docs/soundness.md 8.1).
 * @module
 */
import { boundBlocks } from '../graph/fusion/block-bound.ts'
import { nextUp } from '../linalg/rounding.ts'
import { timesUp } from '../ops/sum-up.ts'
import { type Constants, throughBases } from './constants.ts'
import type { Network } from './network.ts'
import { matrixNormUpper, vectorNormUpper } from './norms/index.ts'
import { MOST_CLASSES, type Trailing } from './trailing.ts'

/** Subtractions that differences of two rows may take (1,000 classes of 2,048 features pass). */
const PAIR_WORK = 1.2e9

export interface OutputBounds {
  readonly features: number
  readonly joint: number
  /** |f_i(x) - f_i(x')| <= logits[i] |x - x'|. */
  readonly logits: Float64Array
  /** |(f_i - f_j)(x) - (f_i - f_j)(x')| <= pair(i, j) |x - x'|. */
  pair(i: number, j: number): number
  readonly largestPair: number
}

export function boundOutputs(network: Network, constants: Constants, trailing: Trailing): OutputBounds {
  const { classes, logits: name } = trailing
  const features = constants.of(trailing.features)
  const rows = trailing.rows.get(trailing.features)
  const throughMatrix = rows ? timesUp(matrixUpper(rows, trailing.rowError), features) : Number.POSITIVE_INFINITY
  const joint = Math.min(constants.of(name), throughMatrix)
  const single = singleOutputs(network, constants, name)

  const logits = new Float64Array(classes)
  for (let i = 0; i < classes; i++) {
    const row = rows ? timesUp(plus(vectorNormUpper(rows[i]!), trailing.rowError), features) : Number.POSITIVE_INFINITY
    logits[i] = Math.min(row, joint, single(i))
  }
  if (classes > MOST_CLASSES) {
    const bound = timesUp(ROOT_2, joint)
    return { features, joint, logits, pair: (i, j) => (i === j ? 0 : bound), largestPair: bound }
  }
  const columns = rows?.[0]?.length ?? 0
  const affordable = (classes * classes * columns) / 2 <= PAIR_WORK
  const difference = new Float64Array(columns)
  const pairs = new Float64Array(classes * classes)
  let largestPair = 0
  for (let i = 0; i < classes; i++)
    for (let j = 0; j < i; j++) {
      // (e_i - e_j) has norm sqrt 2, and the triangle inequality holds as well.
      let bound = Math.min(timesUp(ROOT_2, joint), plus(logits[i]!, logits[j]!))
      if (rows && affordable) {
        const [a, b] = [rows[i]!, rows[j]!]
        for (let k = 0; k < columns; k++) difference[k] = a[k]! - b[k]!
        // The subtraction rounds by u |difference| in each element.
        const norm = vectorNormUpper(difference) * (1 + 2 ** -51)
        bound = Math.min(bound, timesUp(plus(norm, 2 * trailing.rowError), features))
      }
      pairs[i * classes + j] = bound
      pairs[j * classes + i] = bound
      largestPair = Math.max(largestPair, bound)
    }
  return { features, joint, logits, pair: (i, j) => pairs[i * classes + j]!, largestPair }
}

const ROOT_2 = Math.SQRT2 * (1 + 2 ** -52)

const plus = (a: number, b: number): number => (a === 0 ? b : b === 0 ? a : nextUp(a + b))

/** sigma_max of the matrix of rows, plus what all row errors together can add. */
function matrixUpper(rows: readonly Float64Array[], rowError: number): number {
  const columns = rows[0]?.length ?? 0
  const data = new Float64Array(rows.length * columns)
  for (const [k, row] of rows.entries()) data.set(row, k * columns)
  const upper = matrixNormUpper({ type: 'float64', dims: [rows.length, columns], data })
  return plus(upper, rowError * Math.sqrt(rows.length) * (1 + 2 ** -50))
}

/** Bounds of single elements of a tensor that fusion writes as expressions. */
function singleOutputs(network: Network, constants: Constants, name: string): (index: number) => number {
  const tensor = network.symbolic.tensors.get(name)
  // Worth it for a handful of outputs; each question walks the expressions anew.
  if (!tensor || tensor.base !== undefined || tensor.ids.length > 64) return () => Number.POSITIVE_INFINITY
  const { pool, bases } = network.symbolic
  return (index) => {
    const bound = boundBlocks(pool.store, [tensor.ids[index]!], (base) => constants.of(bases[base]!))
    return bound ? throughBases(network, bound, constants.of) : Number.POSITIVE_INFINITY
  }
}
