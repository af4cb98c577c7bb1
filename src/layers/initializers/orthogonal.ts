import { randomStream } from '../../linalg/random.ts'
import * as tf from '../tf.ts'

export interface OrthogonalOptions {
  gain?: number
  seed?: number | null
}

/**
 * Keras' "orthogonal": the kernel reshaped to [prod(shape[:-1]), shape[-1]] has orthonormal rows or columns, Haar
 * distributed. Gram-Schmidt in float64 on a Gaussian matrix gives R a positive diagonal, which is Keras' sign convention.
 * TensorFlow.js' own is a hundred times slower and orthonormal to single precision only.
 */
export class Orthogonal extends tf.Initializer {
  static className = 'Orthogonal'
  readonly gain: number
  readonly seed: number | null

  constructor(options: OrthogonalOptions = {}) {
    super()
    this.gain = options.gain ?? 1
    this.seed = options.seed ?? null
  }

  override apply(shape: tf.Shape): tf.Tensor {
    const dims = shape as number[]
    const columns = dims.at(-1)!
    const rows = tf.util.sizeFromShape(dims) / columns
    const values = orthonormal(rows, columns, this.seed ?? 0)
    return tf.tensor(
      values.map((value) => this.gain * value),
      dims,
      'float32',
    )
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { gain: this.gain, seed: this.seed }
  }
}

/** Row-major [rows, columns] with orthonormal columns (rows, when there are fewer rows). */
export function orthonormal(rows: number, columns: number, seed: number): Float32Array {
  const { normal } = randomStream(seed)
  const length = Math.max(rows, columns)
  const count = Math.min(rows, columns)
  const vectors: Float64Array[] = []
  for (let i = 0; i < count; i++) {
    const vector = Float64Array.from({ length }, normal)
    // Twice is enough (Kahan, Parlett): the second pass removes what rounding left of the first.
    for (let pass = 0; pass < 2; pass++) {
      for (const other of vectors) subtractProjection(vector, other)
    }
    const norm = Math.sqrt(dot(vector, vector))
    for (let j = 0; j < length; j++) vector[j]! /= norm
    vectors.push(vector)
  }
  const out = new Float32Array(rows * columns)
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < length; j++) {
      out[rows >= columns ? j * columns + i : i * columns + j] = vectors[i]![j]!
    }
  }
  return out
}

function subtractProjection(vector: Float64Array, direction: Float64Array): void {
  const amount = dot(vector, direction)
  for (let j = 0; j < vector.length; j++) vector[j]! -= amount * direction[j]!
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}
