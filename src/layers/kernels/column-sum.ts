import { assemble, get, load, zeros } from '../../webassembly/assemble.ts'
import { demote, join, lanes, promote } from '../../webassembly/float32x4.ts'
import { add as addDoubles } from '../../webassembly/float64x2.ts'
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
  simd: ([shape]) => {
    const c = shape!.at(-1)!
    const rows = shape!.slice(0, -1).reduce((a, b) => a * b, 1)
    return c % 4 === 0 && rows > 0 ? { key: String(c), counts: [rows], write: () => writeColumnSum(c) } : undefined
  },
})

/** Four channels at a time, two doubles in a vector, over all rows. */
function writeColumnSum(c: number): Uint8Array {
  return assemble(3, (code, out, x, rows) => {
    const from = code.i32()
    const [value, low, high] = [code.v128(), code.v128(), code.v128()]
    code.repeat(c / 4, () => {
      code.set(low, zeros)
      code.set(high, zeros)
      code.set(from, get(x))
      code.repeat(rows, () => {
        code.set(value, load(from, 0))
        code.set(low, addDoubles(get(low), promote(get(value))))
        code.set(high, addDoubles(get(high), promote(lanes(get(value), [2, 3, 0, 1]))))
        code.advance(from, 4 * c)
      })
      code.store(out, 0, join(demote(get(low)), demote(get(high))))
      code.advance(out, 16)
      code.advance(x, 16)
    })
  })
}

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
