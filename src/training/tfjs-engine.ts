import * as tf from '../layers/tf.ts'
import { toChannelsLast } from './channels-last.ts'
import type { Engine, EngineOptions, StepResult } from './engine.ts'
import { trainableVariables } from './variables.ts'
import { withKernels } from './with-kernels.ts'

/** Everything in TensorFlow.js, on whatever backend is set, the batch as a whole. */
export function tfjsEngine({ layers, inputShape, objective }: EngineOptions): Engine {
  const variables = trainableVariables(layers)
  const run = (x: tf.Tensor, training: boolean): tf.Tensor2D =>
    layers.reduce<tf.Tensor>((value, layer) => layer.apply(value, { training }) as tf.Tensor, x) as tf.Tensor2D

  return {
    name: 'tfjs',
    description: `tfjs ${tf.getBackend()}`,
    async step(images, labels): Promise<StepResult> {
      return withKernels(() => {
        const x = toChannelsLast(images, labels.length, inputShape)
        let logits: Float32Array | undefined
        const { value, grads } = tf.variableGrads(() => {
          const output = run(x, true)
          logits = Float32Array.from(output.dataSync())
          const loss = objective.batchLoss(labels, output)
          return objective.penalty ? (tf.add(loss, objective.penalty()) as tf.Scalar) : loss
        }, variables)
        return {
          loss: value.dataSync()[0]!,
          logits: logits!,
          gradients: variables.map((variable) => Float32Array.from(grads[variable.name]!.dataSync())),
        }
      })
    },
    async predict(images, count) {
      return withKernels(() => Float32Array.from(run(toChannelsLast(images, count, inputShape), false).dataSync()))
    },
    async dispose() {},
  }
}
