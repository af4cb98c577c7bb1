import { constraintOf } from '../config/constrained-variables.ts'
import * as tf from '../tf.ts'

/**
 * Projects every constrained variable. TensorFlow.js' optimizers write variables without asking their constraints: a training
 * loop calls this after each update.
 */
export function applyConstraints(layers: readonly tf.layers.Layer[]): void {
  for (const variable of layers.flatMap((layer) => layer.trainableWeights)) {
    const constraint = constraintOf(variable)
    if (constraint === undefined) continue
    tf.tidy(() => (variable.read() as tf.Variable).assign(constraint.apply(variable.read())))
  }
}
