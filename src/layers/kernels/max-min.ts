import * as tf from '../tf.ts'
import { hasLoopKernel, registerLoopKernel, runLoopKernel } from './loop-kernel.ts'

const FORWARD = 'LipMaxMin'
const BACKWARD = 'LipMaxMinGrad'

registerLoopKernel({
  name: FORWARD,
  shape: ([x]) => [...x!.slice(0, -1), 2 * x!.at(-1)!],
  run: (out, [x], [shape], { factor }) => {
    const c = shape!.at(-1)!
    for (let start = 0; start < x!.length; start += c) {
      for (let i = 0; i < c; i++) {
        const value = factor! * x![start + i]!
        out[2 * start + i] = Math.max(value, 0)
        out[2 * start + c + i] = Math.max(-value, 0)
      }
    }
  },
})

// Inputs in alphabetical order: dy, x. At 0 the gradient is 0, as relu's in TensorFlow.
registerLoopKernel({
  name: BACKWARD,
  shape: ([, x]) => [...x!],
  run: (out, [dy, x], [, shape], { factor }) => {
    const c = shape!.at(-1)!
    for (let start = 0; start < x!.length; start += c) {
      for (let i = 0; i < c; i++) {
        const value = x![start + i]!
        out[start + i] = value > 0 ? factor! * dy![2 * start + i]! : value < 0 ? -factor! * dy![2 * start + c + i]! : 0
      }
    }
  },
})

tf.registerGradient({
  kernelName: FORWARD,
  inputsToSave: ['x'],
  gradFunc: (dy, saved, attrs) => ({
    x: () => runLoopKernel(BACKWARD, { dy: dy as tf.Tensor, x: saved[0]! }, attrs as unknown as Record<string, number>),
  }),
})

/** [max(x, 0), max(-x, 0)] along the last axis, times a positive factor. */
export function maxMin(x: tf.Tensor, factor: number): tf.Tensor {
  if (hasLoopKernel(FORWARD)) return runLoopKernel(FORWARD, { x }, { factor })
  return tf.mul(tf.concat([tf.relu(x), tf.relu(tf.neg(x))], -1), factor)
}
