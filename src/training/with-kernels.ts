import { LipError } from '../errors.ts'
import * as tf from '../layers/tf.ts'

/**
 * A tidy whose only expected failure is explained.
 * @throws LipError RUNTIME_UNAVAILABLE where the backend lacks a kernel (wasm: the gradient of Keras' own Conv2D)
 */
export function withKernels<T extends tf.TensorContainer>(work: () => T): T {
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
