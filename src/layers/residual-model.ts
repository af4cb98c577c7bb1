import * as tf from './tf.ts'

/** k x + back(hidden(x)) as a functional model of plain layers; `load` writes their weights. */
export function residualModel(
  name: string,
  inputShape: tf.Shape,
  k: number,
  hidden: tf.layers.Layer,
  back: tf.layers.Layer,
  load: () => void,
): tf.LayersModel {
  const x = tf.input({ shape: inputShape })
  const skip = k === 1 ? x : (tf.layers.rescaling({ scale: k }).apply(x) as tf.SymbolicTensor)
  const branch = back.apply(hidden.apply(x)) as tf.SymbolicTensor
  const model = tf.model({ inputs: x, outputs: tf.layers.add().apply([skip, branch]) as tf.SymbolicTensor, name })
  load()
  return model
}
