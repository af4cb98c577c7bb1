import { randomStream } from '../../linalg/random.ts'
import * as tf from '../tf.ts'

/** N(0, 1) from an explicit seed: deel-lip's start of the power iteration. */
export class SeededNormal extends tf.Initializer {
  static className = 'SeededNormal'
  readonly seed: number

  constructor({ seed }: { seed: number }) {
    super()
    this.seed = seed
  }

  override apply(shape: tf.Shape): tf.Tensor {
    const { normal } = randomStream(this.seed)
    const length = tf.util.sizeFromShape(shape as number[])
    return tf.tensor(Float32Array.from({ length }, normal), shape as number[])
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { seed: this.seed }
  }
}

/** [1, columns] from U[0, 1): deel-lip's start when no vector is given. */
export function uniformVector(columns: number, seed: number): tf.Tensor2D {
  return tf.tensor2d(Float32Array.from({ length: columns }, randomStream(seed).uniform), [1, columns])
}
