import * as tf from '../tf.ts'
import { hasLoopKernel, registerLoopKernel, runLoopKernel } from './loop-kernel.ts'

const NAME = 'LipImageRange'

registerLoopKernel({
  name: NAME,
  shape: ([x], { count }) => [count!, ...x!.slice(1)],
  run: (out, [x], [shape], { first }) => {
    const size = x!.length / shape![0]!
    out.set(x!.subarray(first! * size, first! * size + out.length))
  },
})

/** `count` entries of the first axis from `first` on. The library's slice reads the whole tensor on wasm; this copies the part. */
export function imageRange(x: tf.Tensor4D, first: number, count: number): tf.Tensor4D {
  if (count === x.shape[0]) return x
  if (hasLoopKernel(NAME)) return runLoopKernel(NAME, { x }, { first, count })
  return tf.slice(x, [first, 0, 0, 0], [count, ...x.shape.slice(1)] as [number, number, number, number])
}
