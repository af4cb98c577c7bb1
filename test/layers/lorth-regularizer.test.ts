import { beforeAll, describe, expect, it } from 'vitest'
import * as L from '../../src/layers/index.ts'
import * as tf from '../../src/layers/tf.ts'
import { startBackend } from '../../src/training/backend.ts'

describe('LorthRegularizer', () => {
  beforeAll(async () => {
    await startBackend('cpu')
  })

  /** Blocks of 3 x 3 pixels, four of them orthonormal: as a kernel [3, 3, 1, 4], a map of four channels onto disjoint blocks. */
  const blocks = (): tf.Tensor =>
    tf.reshape(tf.cast(tf.oneHot(tf.tensor1d([0, 9, 1, 9, 2, 9, 3, 9, 9], 'int32'), 4), 'float32'), [3, 3, 1, 4])

  it('is zero for an orthogonal transposed convolution in the layout of its layer', () => {
    const regularizer = new L.LorthRegularizer({ stride: 3, convTranspose: true })
    const gradient = tf.grad((w: tf.Tensor) => regularizer.apply(w))(blocks())
    expect(regularizer.apply(blocks()).dataSync()[0]).toBe(0)
    expect(tf.max(tf.abs(gradient)).dataSync()[0]).toBe(0)
    // One map doubled: (4 - 1)^2.
    const doubled = tf.mul(blocks(), tf.tensor1d([2, 1, 1, 1]))
    expect(regularizer.apply(doubled).dataSync()[0]).toBe(9)
  })

  it("differs from the convolution's by deel-lip's constant alone", () => {
    const kernel = tf.randomNormal([3, 3, 5, 2], 0, 1, 'float32', 7)
    const plain = new L.LorthRegularizer({ lambdaLorth: 0.5 }).apply(kernel).dataSync()[0]!
    const transposed = new L.LorthRegularizer({ lambdaLorth: 0.5, convTranspose: true }).apply(kernel).dataSync()[0]!
    expect(plain - transposed).toBeCloseTo(0.5 * (5 - 2), 3)
  })
})
