import * as tf from '../layers/tf.ts'
import type { Engine, StepResult } from './engine.ts'
import { trainableVariables } from './variables.ts'

export interface TfjsEngineOptions {
  readonly layers: readonly tf.layers.Layer[]
  /** Of one sample, channels last. */
  readonly inputShape: readonly number[]
  readonly loss: (labels: tf.Tensor2D, logits: tf.Tensor2D) => tf.Scalar
}

/** Everything in TensorFlow.js, on whatever backend is set. */
export function tfjsEngine({ layers, inputShape, loss }: TfjsEngineOptions): Engine {
  const variables = trainableVariables(layers)
  const run = (x: tf.Tensor, training: boolean): tf.Tensor2D =>
    layers.reduce<tf.Tensor>((value, layer) => layer.apply(value, { training }) as tf.Tensor, x) as tf.Tensor2D

  return {
    name: 'tfjs',
    description: `tfjs ${tf.getBackend()}`,
    async step(images, labels): Promise<StepResult> {
      const n = labels.length
      const x = toChannelsLast(images, n, inputShape)
      const result = tf.tidy(() => {
        let logits: tf.Tensor2D | undefined
        const { value, grads } = tf.variableGrads(() => {
          logits = tf.keep(run(x, true))
          const truth = tf.cast(tf.oneHot(tf.tensor1d(labels, 'int32'), logits.shape[1]), 'float32')
          return loss(truth as tf.Tensor2D, logits)
        }, variables)
        const out = {
          loss: value.dataSync()[0]!,
          logits: Float32Array.from(logits!.dataSync()),
          gradients: variables.map((variable) => Float32Array.from(grads[variable.name]!.dataSync())),
        }
        logits!.dispose()
        return out
      })
      x.dispose()
      return result
    },
    async predict(images, count) {
      const x = toChannelsLast(images, count, inputShape)
      const logits = tf.tidy(() => Float32Array.from(run(x, false).dataSync()))
      x.dispose()
      return logits
    },
    async dispose() {},
  }
}

/** `[n, c, h, w]` as stored to `[n, h, w, c]`; the same bytes for one channel. */
function toChannelsLast(images: Float32Array, n: number, inputShape: readonly number[]): tf.Tensor {
  if (inputShape.length !== 3) return tf.tensor(images, [n, ...inputShape])
  const [height, width, channels] = inputShape as readonly [number, number, number]
  if (channels === 1) return tf.tensor4d(images, [n, height, width, 1])
  return tf.tidy(() => tf.transpose(tf.tensor4d(images, [n, channels, height, width]), [0, 2, 3, 1]))
}
