import { LipError } from '../errors.ts'
import * as tf from '../layers/tf.ts'
import { createLoss } from '../losses/create-loss.ts'
import type { Loss } from '../losses/index.ts'
import { TauSparseCategoricalCrossentropy } from '../losses/index.ts'
import type { TrainingConfig } from './config.ts'
import { refuseUnknownKeys } from './refuse-unknown-keys.ts'

/** What training minimises: the loss of a batch plus the regularizers of the weights. */
export interface Objective {
  readonly loss: Loss
  /** Mean loss of a training batch, a scalar differentiable in the logits `[n, outputs]`. May move the loss's running statistics. */
  batchLoss(labels: Int32Array, logits: tf.Tensor2D): tf.Scalar
  /** Sum of the layers' regularizers, differentiable in the variables; undefined when there is none. */
  readonly penalty: (() => tf.Scalar) | undefined
  /** Both, for validation: nothing moves. */
  evaluate(labels: Int32Array, logits: Float32Array): number
  /** Numbers of the loss that change during training (running means, scheduled parameters), for the checkpoint. */
  state(): Readonly<Record<string, number>>
  restore(state: Readonly<Record<string, number>>): void
}

/**
 * @throws LipError CONFIG_INVALID for an unknown loss, a key that it does not have, or settings that give no single number
 */
export function createObjective(config: TrainingConfig['loss'], layers: readonly tf.layers.Layer[]): Objective {
  const loss = createLoss(config)
  refuseUnknownKeys(`loss ${config.className}`, config.config, loss.getConfig())
  if (loss.reduction === 'none') {
    throw new LipError('CONFIG_INVALID', `Loss "${loss.name}" has reduction 'none', which gives no number to minimise.`)
  }
  const numbers = loss as unknown as Record<string, number>
  if ((loss as { multiGpu?: boolean }).multiGpu) {
    throw new LipError('CONFIG_INVALID', `Loss "${loss.name}" has multi_gpu, but training runs on one device.`)
  }
  const penalty = penaltyOf(layers)
  return {
    loss,
    penalty,
    batchLoss: (labels, logits) => loss.apply(encodeLabels(labels, logits.shape[1], loss), logits) as tf.Scalar,
    evaluate: (labels, values) =>
      tf.tidy(() => {
        const logits = tf.tensor2d(values, [labels.length, values.length / labels.length])
        const value = loss.evaluate(encodeLabels(labels, logits.shape[1], loss), logits)
        return value.dataSync()[0]! + (penalty?.().dataSync()[0] ?? 0)
      }),
    // Infinity (alpha) is no JSON and never moves.
    state: () => Object.fromEntries(Object.entries(numbers).filter(([, value]) => Number.isFinite(value))),
    restore: (state) => Object.assign(numbers, state),
  }
}

/** One column of 0 and 1 for a single output, class numbers for the sparse loss, else one-hot rows. */
function encodeLabels(labels: Int32Array, outputs: number, loss: Loss): tf.Tensor {
  if (loss instanceof TauSparseCategoricalCrossentropy) return tf.tensor1d(labels, 'int32')
  if (outputs === 1)
    return tf.tensor2d(
      Float32Array.from(labels, (label) => (label > 0 ? 1 : 0)),
      [labels.length, 1],
    )
  return tf.cast(tf.oneHot(tf.tensor1d(labels, 'int32'), outputs), 'float32')
}

function penaltyOf(layers: readonly tf.layers.Layer[]): (() => tf.Scalar) | undefined {
  const regularized = layers.filter((layer) => layer.losses.length > 0)
  if (regularized.length === 0) return undefined
  return () => tf.tidy(() => tf.addN(regularized.flatMap((layer) => layer.calculateLosses())) as tf.Scalar)
}
