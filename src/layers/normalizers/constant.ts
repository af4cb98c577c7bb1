import * as tf from '../tf.ts'

/**
 * A value that the gradient treats as a constant (TensorFlow.js has no stop_gradient): nothing inside `compute` is recorded.
 */
export function constant<T extends tf.Tensor>(inputs: readonly tf.Tensor[], compute: (...inputs: tf.Tensor[]) => T): T {
  const op = tf.customGrad((...args) => {
    const tensors = args.slice(0, inputs.length) as tf.Tensor[]
    const shapes = tensors.map((tensor) => tensor.shape)
    return { value: compute(...tensors), gradFunc: () => shapes.map((shape) => tf.zeros(shape)) }
  })
  return op(...inputs) as T
}
