import * as tf from '../tf.ts'
import { hasLoopKernel, registerLoopKernel, runLoopKernel } from './loop-kernel.ts'

const NAME = 'LipColumnSum'

registerLoopKernel({
  name: NAME,
  shape: ([x]) => [x!.at(-1)!],
  run: (out, [x], [shape]) => {
    const c = shape!.at(-1)!
    // float64 accumulation: a batch of 4096 feature maps has millions of terms.
    const sums = new Float64Array(c)
    for (let start = 0; start < x!.length; start += c) {
      for (let i = 0; i < c; i++) sums[i]! += x![start + i]!
    }
    out.set(sums)
  },
})

tf.registerGradient({
  kernelName: NAME,
  inputsToSave: ['x'],
  gradFunc: (dy, saved) => ({ x: () => tf.broadcastTo(dy as tf.Tensor, saved[0]!.shape) }),
})

/** Sum over all axes but the last: the gradient of a bias. */
export function columnSum(x: tf.Tensor): tf.Tensor1D {
  if (hasLoopKernel(NAME)) return runLoopKernel(NAME, { x })
  return tf.sum(x, x.shape.map((_, axis) => axis).slice(0, -1))
}
