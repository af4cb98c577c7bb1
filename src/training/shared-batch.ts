/**
 * The memory that the threads of a training step share, and what they tell each other through it.
 * @module
 */

/** Entries of `control`. */
export const CONTROL = {
  /** Number of the next chunk that nobody has taken. */
  next: 0,
  /** One of `PHASE`: threads sleep on it between their forward and backward passes. */
  phase: 1,
} as const

export const PHASE = { forward: 0, backward: 1, abort: 2 } as const

export interface SharedBatch {
  readonly control: Int32Array
  /** All weights of the network, one after another. */
  readonly weights: Float32Array
  /** `[samples, ...channels first]` */
  readonly images: Float32Array
  /** `[samples, classes]` */
  readonly logits: Float32Array
  /** Gradient of the loss at the logits. */
  readonly cotangents: Float32Array
  /** `[chunks, weights]`: each chunk's share of the gradient. */
  readonly gradients: Float32Array
}

export interface BatchSizes {
  readonly samples: number
  readonly sampleSize: number
  readonly classes: number
  readonly weights: number
  readonly chunks: number
}

export function allocateBatch(sizes: BatchSizes): SharedBatch {
  const floats = (count: number) => new Float32Array(new SharedArrayBuffer(4 * count))
  const { samples, sampleSize, classes, weights, chunks } = sizes
  return {
    control: new Int32Array(new SharedArrayBuffer(4 * Object.keys(CONTROL).length)),
    weights: floats(weights),
    images: floats(samples * sampleSize),
    logits: floats(samples * classes),
    cotangents: floats(samples * classes),
    gradients: floats(chunks * weights),
  }
}
