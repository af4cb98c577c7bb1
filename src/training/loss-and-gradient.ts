import * as tf from '../layers/tf.ts'
import type { Objective } from './objective.ts'

/** Mean loss of a batch and its gradient at the logits `[n, classes]`, both row-major. */
export function lossAndGradient(
  objective: Pick<Objective, 'batchLoss'>,
  values: Float32Array,
  labels: Int32Array,
  classes: number,
): { value: number; gradient: Float32Array } {
  const result = { value: 0, gradient: new Float32Array(0) }
  // Nothing is returned through the tidy: it would look for tensors in every entry of an array.
  tf.tidy(() => {
    const logits = tf.tensor2d(values, [labels.length, classes])
    const { value, grad } = tf.valueAndGrad((z: tf.Tensor) => objective.batchLoss(labels, z as tf.Tensor2D))(logits)
    result.value = value.dataSync()[0]!
    result.gradient = Float32Array.from(grad.dataSync())
  })
  return result
}
