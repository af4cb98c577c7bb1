import * as tf from '../tf.ts'

/**
 * Whether scalars can be read in the middle of a step. WebGPU reads are asynchronous only: there the loops below run to
 * their iteration limit instead of stopping when converged, which changes a result by less than the stopping tolerance.
 */
export function canReadSync(): boolean {
  return tf.getBackend() !== 'webgpu'
}

export function readScalar(x: tf.Tensor): number {
  return x.dataSync()[0]!
}
