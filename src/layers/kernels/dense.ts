import * as tf from '../tf.ts'
import { columnSum } from './column-sum.ts'
import { matMul } from './mat-mul.ts'

/** x kernel + bias on the last axis. */
export function dense(x: tf.Tensor, kernel: tf.Tensor2D, bias?: tf.Tensor1D): tf.Tensor {
  const [inputs, units] = kernel.shape
  const flat = x.rank === 2 ? (x as tf.Tensor2D) : (tf.reshape(x, [-1, inputs]) as tf.Tensor2D)
  const product = matMul(flat, kernel)
  const y = bias === undefined ? product : addBias(product, bias)
  return x.rank === 2 ? y : tf.reshape(y, [...x.shape.slice(0, -1), units])
}

/** x + bias on the last axis, with the bias gradient as one pass over memory. */
export function addBias<T extends tf.Tensor>(x: T, bias: tf.Tensor1D): T {
  const op = tf.customGrad((...args) => {
    const [a, b] = args as unknown as [tf.Tensor, tf.Tensor]
    return { value: tf.add(a, b), gradFunc: (dy: tf.Tensor) => [tf.clone(dy), columnSum(dy)] }
  })
  return op(x, bias) as T
}
