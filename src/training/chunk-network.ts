/**
 * Forward and backward pass of a network over the chunks of a batch, by one thread of several (or the only one).
 * @module
 */
import { sortedWindowNorm } from '../layers/kernels/sorted-window-norm.ts'
import { ReparametrisedLayer } from '../layers/reparametrised-layer.ts'
import * as tf from '../layers/tf.ts'
import { toChannelsLast } from './channels-last.ts'
import { plainWeights } from './effective-weights.ts'
import { CONTROL, type SharedBatch } from './shared-batch.ts'
import { sortedPooling } from './sorted-pooling.ts'
import { withKernels } from './with-kernels.ts'

/** Bytes of activations that a thread keeps for its backward pass; chunks beyond that run their forward pass twice. */
const KEPT_BYTES = 3 << 28

export interface ChunkNetworkOptions {
  /** Built. */
  readonly layers: readonly tf.layers.Layer[]
  /** Of one sample, channels last. */
  readonly inputShape: readonly number[]
  /** Samples a chunk; a batch's last one may be shorter. */
  readonly chunk: number
  readonly keptBytes?: number
}

/** A weight among all weights of the network. */
export interface WeightPlace {
  /** As in `effectiveWeights`. */
  readonly key: string
  readonly shape: readonly number[]
  readonly offset: number
  readonly size: number
}

export interface ChunkNetwork {
  readonly places: readonly WeightPlace[]
  readonly weightsSize: number
  readonly sampleSize: number
  readonly classes: number
  /**
   * Takes chunks of a batch of `samples` until none is left: their logits, then, after `between`, their gradients from the
   * cotangents. What a chunk's numbers are depends on the chunk alone, not on who takes it.
   */
  train(batch: SharedBatch, samples: number, between: () => void): void
  /** Takes chunks until none is left: logits in inference. */
  predict(batch: SharedBatch, samples: number): void
}

export function chunkNetwork(options: ChunkNetworkOptions): ChunkNetwork {
  const { layers, inputShape, chunk, keptBytes = KEPT_BYTES } = options
  const places = placesOf(layers)
  const weightsSize = places.reduce((sum, { size }) => sum + size, 0)
  const sampleSize = inputShape.reduce((a, b) => a * b, 1)
  const { steps, classes } = stepsOf(layers, inputShape)

  /** New tensors for every chunk, so that each chunk's gradient stays apart. */
  const readWeights = ({ weights }: SharedBatch): tf.Tensor[] =>
    places.map(({ shape, offset, size }) => tf.tensor(weights.subarray(offset, offset + size), [...shape]))

  const forward = (x: tf.Tensor, weights: readonly tf.Tensor[], training: boolean): tf.Tensor => {
    const byKey = new Map(places.map(({ key }, i) => [key, weights[i]!]))
    return steps.reduce((value, step) => step(value, byKey, training), x)
  }

  /** The range of samples of a chunk. */
  const rangeOf = (index: number, samples: number) => {
    const start = index * chunk
    return { start, count: Math.min(chunk, samples - start) }
  }

  const input = ({ images }: SharedBatch, index: number, samples: number): tf.Tensor => {
    const { start, count } = rangeOf(index, samples)
    return toChannelsLast(images.subarray(start * sampleSize, (start + count) * sampleSize), count, inputShape)
  }

  const publish = (batch: SharedBatch, index: number, logits: tf.Tensor): void =>
    batch.logits.set(logits.dataSync() as Float32Array, index * chunk * classes)

  const cotangent = ({ cotangents }: SharedBatch, index: number, samples: number): tf.Tensor => {
    const { start, count } = rangeOf(index, samples)
    return tf.tensor(cotangents.subarray(start * classes, (start + count) * classes), [count, classes])
  }

  const store = (batch: SharedBatch, index: number, gradients: readonly (tf.Tensor | null | undefined)[]): void => {
    places.forEach(({ offset, size }, i) => {
      const start = index * weightsSize + offset
      const gradient = gradients[i]
      if (gradient) batch.gradients.set(gradient.dataSync() as Float32Array, start)
      else batch.gradients.fill(0, start, start + size)
    })
  }

  /** undefined when all are taken */
  const take = ({ control }: SharedBatch, samples: number): number | undefined => {
    const index = Atomics.add(control, CONTROL.next, 1)
    return index * chunk < samples ? index : undefined
  }

  return {
    places,
    weightsSize,
    sampleSize,
    classes,
    train(batch, samples, between) {
      const first = take(batch, samples)
      if (first === undefined) {
        between()
        return
      }
      const kept: number[] = [first]
      const again: number[] = []
      withKernels(() => {
        // Grows while the forward pass runs: TensorFlow.js looks at it afterwards.
        const weights = readWeights(batch)
        const pass = (): tf.Tensor => {
          const ends: tf.Tensor[] = []
          const before = tf.memory().numBytes
          const record = (index: number, own: readonly tf.Tensor[]): void => {
            ends.push(
              tf.tidy(() => {
                const logits = forward(input(batch, index, samples), own, true)
                publish(batch, index, logits)
                return awaitingCotangent(logits, () => cotangent(batch, index, samples))
              }),
            )
          }
          record(first, weights.slice())
          const each = tf.memory().numBytes - before
          for (let index = take(batch, samples); index !== undefined; index = take(batch, samples)) {
            const here = index
            if ((kept.length + 1) * each <= keptBytes) {
              const own = readWeights(batch)
              weights.push(...own)
              kept.push(here)
              record(here, own)
            } else {
              again.push(here)
              withoutTape(() => publish(batch, here, forward(input(batch, here, samples), readWeights(batch), true)))
            }
          }
          between()
          return tf.addN(ends)
        }
        const { grads } = tf.engine().gradients(pass, weights, undefined, true)
        kept.forEach((index, i) => {
          store(batch, index, grads.slice(i * places.length, (i + 1) * places.length))
        })
      })
      for (const index of again) {
        withKernels(() => {
          const weights = readWeights(batch)
          const pass = () =>
            awaitingCotangent(forward(input(batch, index, samples), weights, true), () =>
              cotangent(batch, index, samples),
            )
          store(batch, index, tf.engine().gradients(pass, weights, undefined, true).grads)
        })
      }
    },
    predict(batch, samples) {
      for (let index = take(batch, samples); index !== undefined; index = take(batch, samples)) {
        const here = index
        withKernels(() => publish(batch, here, forward(input(batch, here, samples), readWeights(batch), false)))
      }
    },
  }
}

/** A layer's share of the pass, or two layers'. */
type Step = (x: tf.Tensor, weights: ReadonlyMap<string, tf.Tensor>, training: boolean) => tf.Tensor

function stepsOf(
  layers: readonly tf.layers.Layer[],
  inputShape: readonly number[],
): { steps: Step[]; classes: number } {
  const steps: Step[] = []
  let shape: tf.Shape = [null, ...inputShape]
  for (let i = 0; i < layers.length; i++) {
    const layer = layers[i]!
    shape = layer.computeOutputShape(shape) as tf.Shape
    const pooling = sortedPooling(layer, layers[i + 1], shape)
    if (pooling) {
      const linear = layer as ReparametrisedLayer
      steps.push((x, weights) =>
        sortedWindowNorm(linear.linearWith(x, linearWeights(linear, weights)) as tf.Tensor4D, pooling),
      )
      i++
      shape = layers[i]!.computeOutputShape(shape) as tf.Shape
    } else {
      steps.push((x, weights, training) => applyWith(layer, x, weights, { training }))
    }
  }
  return { steps, classes: shape.at(-1)! }
}

function linearWeights(
  { name }: ReparametrisedLayer,
  weights: ReadonlyMap<string, tf.Tensor>,
): { readonly kernel: tf.Tensor; readonly bias?: tf.Tensor } {
  const bias = weights.get(`${name}/bias`)
  return { kernel: weights.get(`${name}/kernel`)!, ...(bias && { bias }) }
}

function placesOf(layers: readonly tf.layers.Layer[]): WeightPlace[] {
  const places: WeightPlace[] = []
  let offset = 0
  const add = (key: string, shape: readonly (number | null)[]): void => {
    const dims = shape as readonly number[]
    const size = dims.reduce((a, b) => a * b, 1)
    places.push({ key, shape: dims, offset, size })
    offset += size
  }
  for (const layer of layers) {
    if (layer instanceof ReparametrisedLayer) {
      add(`${layer.name}/kernel`, layer.wbar.shape)
      if (layer.bias) add(`${layer.name}/bias`, layer.bias.shape)
    }
    for (const { key, weight } of plainWeights(layer)) add(key, weight.shape)
  }
  return places
}

/** A layer of the network with these weights in place of its own. */
function applyWith(
  layer: tf.layers.Layer,
  x: tf.Tensor,
  weights: ReadonlyMap<string, tf.Tensor>,
  kwargs: { readonly training: boolean },
): tf.Tensor {
  const plain = plainWeights(layer)
  const read = plain.map(({ key }) => weights.get(key)!)
  plain.forEach(({ weight }, i) => {
    weight.read = () => read[i] as tf.Variable
  })
  try {
    if (!(layer instanceof ReparametrisedLayer)) return layer.apply(x, kwargs) as tf.Tensor
    return layer.applyWith(x, linearWeights(layer, weights), kwargs)
  } finally {
    for (const { weight } of plain) delete (weight as Partial<tf.LayerVariable>).read
  }
}

/** A number whose gradient at the logits is a given tensor, asked for when the backward pass begins. */
function awaitingCotangent(logits: tf.Tensor, cotangent: () => tf.Tensor): tf.Tensor {
  return tf.customGrad(() => ({ value: tf.scalar(0), gradFunc: cotangent }))(logits)
}

/** What runs inside a custom operation is not recorded on the tape. */
function withoutTape(work: () => void): void {
  tf.customGrad(() => {
    tf.tidy(work)
    return { value: tf.scalar(0), gradFunc: () => [] }
  })()
}
