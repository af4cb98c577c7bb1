import { chunkNetwork } from './chunk-network.ts'
import { type ChunkThreads, startChunkThreads } from './chunk-threads.ts'
import { effectiveWeights, inferenceWeights, pullBack } from './effective-weights.ts'
import type { Engine, EngineOptions, StepResult } from './engine.ts'
import { layerCopy } from './layer-copies.ts'
import { lossAndGradient } from './loss-and-gradient.ts'
import { allocateBatch, CONTROL, type SharedBatch } from './shared-batch.ts'
import { trainableVariables } from './variables.ts'

/** Samples a chunk: few enough that small batches have several, enough that the cost of starting kernels does not show. */
export const CHUNK = 128

export interface DataParallelOptions extends EngineOptions {
  readonly threads: number
  /** Samples of the largest batch, where it is known: no more threads than it has chunks. */
  readonly largestBatch?: number
  /** Samples a chunk. Numbers depend on it (by rounding), not on the number of threads. */
  readonly chunk?: number
  /** See `ChunkNetworkOptions`. */
  readonly keptBytes?: number
}

/** What `dataParallelEngine` gives: an engine whose threads can be looked at. */
export interface DataParallelEngine extends Engine {
  /** Tensors in the threads, one number each; empty where the work is done in this thread. */
  tensors(): Promise<number[]>
}

/**
 * TensorFlow.js on wasm, which has one thread a backend: the batch is cut into chunks of one size, which threads with a backend each
 * take one after another. This thread reparametrises once a step, computes the loss of the whole batch and its gradient at
 * the logits, adds the chunks' gradients up in their order in float64, and carries them back to the variables. With one thread the
 * same is done here, so that numbers do not depend on the threads.
 *
 * For networks that `indivisible` has nothing against.
 */
export async function dataParallelEngine(options: DataParallelOptions): Promise<DataParallelEngine> {
  const { layers, inputShape, objective, chunk = CHUNK, largestBatch = Infinity } = options
  const kept = options.keptBytes === undefined ? {} : { keptBytes: options.keptBytes }
  const network = chunkNetwork({ layers, inputShape, chunk, ...kept })
  const { places, weightsSize, sampleSize, classes } = network
  const variables = trainableVariables(layers)
  const wanted = Math.min(options.threads, Math.ceil(largestBatch / chunk))
  const threads: ChunkThreads | undefined =
    wanted > 1
      ? await startChunkThreads(wanted, { layers: layers.map(layerCopy), inputShape, chunk, ...kept })
      : undefined

  let memory: { readonly samples: number; readonly batch: SharedBatch } | undefined
  const fill = (images: Float32Array, samples: number, weights: ReadonlyMap<string, Float32Array>): SharedBatch => {
    if (memory === undefined || memory.samples < samples) {
      const chunks = Math.ceil(samples / chunk)
      memory = { samples, batch: allocateBatch({ samples, sampleSize, classes, weights: weightsSize, chunks }) }
    }
    const { batch } = memory
    batch.images.set(images.subarray(0, samples * sampleSize))
    for (const { key, offset } of places) batch.weights.set(weights.get(key)!, offset)
    return batch
  }
  const logitsOf = (batch: SharedBatch, samples: number): Float32Array => batch.logits.slice(0, samples * classes)

  /** Sums over the chunks, in their order. */
  const totals = (batch: SharedBatch, samples: number): Map<string, Float32Array> => {
    const sum = new Float64Array(weightsSize)
    for (let index = 0; index * chunk < samples; index++) {
      const start = index * weightsSize
      for (let i = 0; i < weightsSize; i++) sum[i]! += batch.gradients[start + i]!
    }
    return new Map(places.map(({ key, offset, size }) => [key, Float32Array.from(sum.subarray(offset, offset + size))]))
  }

  return {
    name: 'tfjs',
    description: `tfjs wasm, ${threads?.count ?? 1} thread${threads ? 's' : ''}`,
    async step(images, labels): Promise<StepResult> {
      const samples = labels.length
      const effective = effectiveWeights(layers)
      try {
        const batch = fill(images, samples, effective.arrays)
        let loss = 0
        const between = (): void => {
          const { value, gradient } = lossAndGradient(objective, logitsOf(batch, samples), labels, classes)
          loss = value
          batch.cotangents.set(gradient)
        }
        if (threads) {
          await threads.train(batch, samples, between)
        } else {
          batch.control[CONTROL.next] = 0
          network.train(batch, samples, between)
        }
        const sums = totals(batch, samples)
        const { gradients, penalty } = pullBack(layers, variables, objective, (key) => sums.get(key))
        effective.commit()
        return { loss: loss + penalty, logits: logitsOf(batch, samples), gradients }
      } finally {
        effective.dispose()
      }
    },
    async predict(images, count) {
      const batch = fill(images, count, inferenceWeights(layers))
      if (threads) {
        await threads.predict(batch, count)
      } else {
        batch.control[CONTROL.next] = 0
        network.predict(batch, count)
      }
      return logitsOf(batch, count)
    },
    async tensors() {
      return (await threads?.tensors()) ?? []
    },
    async dispose() {
      await threads?.end()
    },
  }
}
