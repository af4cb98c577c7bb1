/**
 * What computes a training step. tfjs always keeps the variables, the reparametrisation and the loss; engines differ in who runs
 * the network's forward and backward pass.
 * @module
 */

import type * as tf from '../layers/tf.ts'
import type { Objective } from './objective.ts'

export interface EngineOptions {
  readonly layers: readonly tf.layers.Layer[]
  /** Of one sample, channels last. */
  readonly inputShape: readonly number[]
  readonly objective: Pick<Objective, 'batchLoss' | 'penalty'>
}

export interface StepResult {
  /** Mean loss of the batch, regularizers included. */
  readonly loss: number
  /** `[n, classes]`, row-major, of the network before the update. */
  readonly logits: Float32Array
  /** Gradient of that loss, one entry a trainable variable, in the order of `variables`. */
  readonly gradients: readonly Float32Array[]
}

export interface Engine {
  readonly name: string
  /** One line on what runs where, for logs and reports. */
  readonly description: string
  /** `images`: `[n, ...channels first]`, `labels`: class of each. Commits the layers' state (u, sigma, wbar). */
  step(images: Float32Array, labels: Int32Array): Promise<StepResult>
  /** Inference with the weights as they are now. */
  predict(images: Float32Array, count: number): Promise<Float32Array>
  dispose(): Promise<void>
}
