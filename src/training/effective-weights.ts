/**
 * The reparametrisation as seen by engines that run the network elsewhere: the weights that the network multiplies with, as
 * plain arrays under names 'layer/role', and the way back of their gradients to the variables.
 * @module
 */
import { type EffectiveWeights, ReparametrisedLayer } from '../layers/reparametrised-layer.ts'
import * as tf from '../layers/tf.ts'
import type { Objective } from './objective.ts'

export interface StepWeights {
  /** Values in the layers' own layouts. */
  readonly arrays: ReadonlyMap<string, Float32Array>
  /** Stores the state (u, sigma, wbar) that belongs to these weights. */
  commit(): void
  /** Frees what `commit` would need. */
  dispose(): void
}

/** A weight that is used as it is. */
export interface PlainWeight {
  readonly key: string
  readonly weight: tf.LayerVariable
}

/** The weights of a layer that no reparametrisation stands before: those of the activation in a reparametrised layer. */
export function plainWeights(layer: tf.layers.Layer): readonly PlainWeight[] {
  const [weights, prefix] =
    layer instanceof ReparametrisedLayer
      ? [layer.activation?.weights ?? [], `${layer.name}/activation`]
      : [layer.weights, layer.name]
  return weights.map((weight) => ({ key: `${prefix}/${roleOf(weight)}`, weight }))
}

/** Weights of a training pass. The caller commits or disposes. */
export function effectiveWeights(layers: readonly tf.layers.Layer[]): StepWeights {
  const arrays = new Map<string, Float32Array>()
  const pending: { layer: ReparametrisedLayer; weights: EffectiveWeights }[] = []
  for (const layer of layers) {
    if (layer instanceof ReparametrisedLayer) {
      const weights = layer.effectiveWeights(true)
      pending.push({ layer, weights })
      put(arrays, layer, weights)
    }
    putPlain(arrays, layer)
  }
  const dispose = (): void => {
    for (const { weights } of pending.splice(0)) tf.dispose(Object.values(weights))
  }
  return {
    arrays,
    commit() {
      for (const { layer, weights } of pending) layer.commitState(weights)
      dispose()
    },
    dispose,
  }
}

/** Weights of inference as they are now. */
export function inferenceWeights(layers: readonly tf.layers.Layer[]): ReadonlyMap<string, Float32Array> {
  const arrays = new Map<string, Float32Array>()
  for (const layer of layers) {
    if (layer instanceof ReparametrisedLayer) tf.tidy(() => put(arrays, layer, layer.effectiveWeights(false)))
    putPlain(arrays, layer)
  }
  return arrays
}

/**
 * Vector-Jacobian product of the reparametrisation: sum <effective(variables), dEffective> differentiated by the variables, with
 * the regularizers beside it.
 *
 * @param cotangentOf gradient of the loss by a weight of `effectiveWeights`; undefined where the network does not use it
 */
export function pullBack(
  layers: readonly tf.layers.Layer[],
  variables: readonly tf.Variable[],
  { penalty }: Pick<Objective, 'penalty'>,
  cotangentOf: (key: string) => Float32Array | undefined,
): { gradients: Float32Array[]; penalty: number } {
  let extra = 0
  let gradients: Float32Array[] = []
  // Nothing is returned through the tidy: it would look for tensors in every entry of an array.
  tf.tidy(() => {
    const product = (): tf.Scalar => {
      const terms: tf.Tensor[] = []
      const add = (key: string, value: tf.Tensor): void => {
        const cotangent = cotangentOf(key)
        if (cotangent) terms.push(tf.sum(tf.mul(value, tf.tensor(cotangent, value.shape))))
      }
      for (const layer of layers) {
        if (layer instanceof ReparametrisedLayer) {
          const { kernel, bias } = layer.effectiveWeights(true)
          add(`${layer.name}/kernel`, kernel)
          if (bias) add(`${layer.name}/bias`, bias)
        }
        for (const { key, weight } of plainWeights(layer)) if (weight.trainable) add(key, weight.read())
      }
      if (penalty) {
        const value = penalty()
        extra = value.dataSync()[0]!
        terms.push(value)
      }
      return tf.addN(terms) as tf.Scalar
    }
    const { grads } = tf.variableGrads(product, [...variables])
    gradients = variables.map((variable) => Float32Array.from(grads[variable.name]!.dataSync()))
  })
  return { gradients, penalty: extra }
}

function put(arrays: Map<string, Float32Array>, layer: tf.layers.Layer, { kernel, bias }: EffectiveWeights): void {
  arrays.set(`${layer.name}/kernel`, Float32Array.from(kernel.dataSync()))
  if (bias) arrays.set(`${layer.name}/bias`, Float32Array.from(bias.dataSync()))
}

function putPlain(arrays: Map<string, Float32Array>, layer: tf.layers.Layer): void {
  for (const { key, weight } of plainWeights(layer)) arrays.set(key, Float32Array.from(weight.read().dataSync()))
}

function roleOf(weight: tf.LayerVariable): string {
  return weight.originalName.replace(/^.*\//, '')
}
