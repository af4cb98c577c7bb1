import { LipError } from '../errors.ts'
import * as tf from '../layers/tf.ts'
import type { Engine, EngineOptions, StepResult } from './engine.ts'
import { trainableVariables } from './variables.ts'

/** Everything in TensorFlow.js, on whatever backend is set. */
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

/**
 * A tidy whose only expected failure is explained.
 * @throws LipError RUNTIME_UNAVAILABLE where the backend lacks a kernel (wasm: the gradient of Keras' own Conv2D)
 */
function withKernels<T extends tf.TensorContainer>(work: () => T): T {
  try {
    return tf.tidy(work)
  } catch (cause) {
    const kernel = cause instanceof Error && /^Kernel '(\w+)' not registered/.exec(cause.message)?.[1]
    if (!kernel) throw cause
    throw new LipError(
      'RUNTIME_UNAVAILABLE',
      `The TensorFlow.js backend "${tf.getBackend()}" has no ${kernel}, which this network needs in training.`,
      { hint: 'Use --backend cpu or tensorflow, or --engine onnxruntime.', cause },
    )
  }
}

/** `[n, c, h, w]` as stored to `[n, h, w, c]`; the same bytes for one channel. */
function toChannelsLast(images: Float32Array, n: number, inputShape: readonly number[]): tf.Tensor {
  if (inputShape.length !== 3) return tf.tensor(images, [n, ...inputShape])
  const [height, width, channels] = inputShape as readonly [number, number, number]
  if (channels === 1) return tf.tensor4d(images, [n, height, width, 1])
  return tf.transpose(tf.tensor4d(images, [n, channels, height, width]), [0, 2, 3, 1])
}
