import * as tf from '../tf.ts'
import { hasLoopKernel, registerLoopKernel, runLoopKernel } from './loop-kernel.ts'

const NAME = 'LipFlippedFilter'

registerLoopKernel({
  name: NAME,
  shape: ([filter]) => [filter![0]!, filter![1]!, filter![3]!, filter![2]!],
  run: (out, [filter], [shape]) => {
    const [kh, kw, cin, cout] = shape as [number, number, number, number]
    const taps = kh * kw
    for (let tap = 0; tap < taps; tap++) {
      const from = (taps - 1 - tap) * cin * cout
      const to = tap * cin * cout
      for (let i = 0; i < cin; i++) {
        for (let o = 0; o < cout; o++) out[to + o * cin + i] = filter![from + i * cout + o]!
      }
    }
  },
})

tf.registerGradient({
  kernelName: NAME,
  gradFunc: (dy) => ({ filter: () => flippedFilter(dy as tf.Tensor4D) }),
})

/** The filter of the adjoint convolution: taps reversed, input and output channels exchanged. Its own inverse and adjoint. */
export function flippedFilter(filter: tf.Tensor4D): tf.Tensor4D {
  if (hasLoopKernel(NAME)) return runLoopKernel(NAME, { filter })
  return tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2])
}
