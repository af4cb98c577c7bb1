import { LipError } from '../errors.ts'
import { applyConstraints } from '../layers/constraints/apply-constraints.ts'
import * as tf from '../layers/tf.ts'
import type { WeightStore } from './loop.ts'

/** The weights of a tfjs network as flat arrays, for the optimizer and for checkpoints. */
export function weightStore(layers: readonly tf.layers.Layer[]): WeightStore {
  const trainable = trainableVariables(layers)
  const all = layers.flatMap((layer) => layer.weights)
  return {
    readVariables: () => trainable.map((variable) => Float32Array.from(variable.dataSync())),
    writeVariables: (values) => {
      trainable.forEach((variable, i) => {
        assign(variable, values[i]!)
      })
      applyConstraints(layers)
    },
    readAll: () => all.map((weight) => Float32Array.from(weight.read().dataSync())),
    writeAll: (values) => {
      if (values.length !== all.length || all.some((weight, i) => weight.read().size !== values[i]!.length)) {
        throw new LipError(
          'DATA_INVALID',
          'The checkpoint holds the weights of another network than the configuration.',
          {
            hint: 'Was config.json of the run folder edited? Start a new run in another folder.',
          },
        )
      }
      all.forEach((weight, i) => {
        assign(weight.read() as tf.Variable, values[i]!)
      })
    },
  }
}

/** Variables that training moves, in the order in which every engine returns their gradients. */
export function trainableVariables(layers: readonly tf.layers.Layer[]): tf.Variable[] {
  return layers.flatMap((layer) => layer.trainableWeights.map((weight) => weight.read() as tf.Variable))
}

function assign(variable: tf.Variable, values: Float32Array): void {
  const tensor = tf.tensor(values, variable.shape)
  variable.assign(tensor)
  tensor.dispose()
}
