import { LipError } from '../errors.ts'
import { chunkNetwork } from './chunk-network.ts'
import type { EngineOptions } from './engine.ts'
import { allocateBatch } from './shared-batch.ts'

/**
 * Why the backend cannot differentiate a network that can be divided, seen by doing it with one sample of zeros; undefined where it
 * can. wasm lacks the gradients of Keras' own Conv2D, for one. Stores nothing.
 */
export function missingGradient({ layers, inputShape }: EngineOptions): string | undefined {
  const network = chunkNetwork({ layers, inputShape, chunk: 1 })
  const { sampleSize, classes, weightsSize: weights } = network
  try {
    network.train(allocateBatch({ samples: 1, sampleSize, classes, weights, chunks: 1 }), 1, () => {})
    return undefined
  } catch (error) {
    if (error instanceof LipError && error.code === 'RUNTIME_UNAVAILABLE') return error.message
    throw error
  }
}
