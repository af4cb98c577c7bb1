import { assemble, get, load, zeros } from '../../webassembly/assemble.ts'
import { add, demote, join, lanes, promote } from '../../webassembly/float32x4.ts'
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
    if (c % 4 !== 0 || rows === 0) return undefined
    return {
      key: String(c),
      scratch: 8 * VECTORS,
      counts: [Math.floor(rows / RUN), rows % RUN],
      write: () => writeColumnSum(c),
    }
  },
})

/** Rows that are added up in float32. */
const RUN = 16
/** Vectors of a row at a time. */
const VECTORS = 8

/** Some columns at a time over all rows; sums of short runs of rows are added up in float64. */
function writeColumnSum(c: number): Uint8Array {
  return assemble(5, (code, out, x, scratch, runs, rest) => {
    const from = code.i32()
    const sums = Array.from({ length: VECTORS }, () => code.v128())
    const columns = (vectors: number): void => {
      const run = (rows: number): void => {
        for (let v = 0; v < vectors; v++) code.set(sums[v]!, zeros)
        code.repeat(rows, () => {
          for (let v = 0; v < vectors; v++) code.set(sums[v]!, add(get(sums[v]!), load(from, 16 * v)))
          code.advance(from, 4 * c)
        })
        for (let v = 0; v < vectors; v++) {
          const halves = [get(sums[v]!), lanes(get(sums[v]!), [2, 3, 0, 1])]
          halves.forEach((half, i) => {
            const offset = 32 * v + 16 * i
            code.store(scratch, offset, addDoubles(load(scratch, offset), promote(half)))
          })
        }
      }
      code.set(from, get(x))
      for (let i = 0; i < 2 * vectors; i++) code.store(scratch, 16 * i, zeros)
      code.repeat(runs, () => run(RUN))
      code.repeat(rest, () => run(1))
      for (let v = 0; v < vectors; v++) {
        code.store(out, 16 * v, join(demote(load(scratch, 32 * v)), demote(load(scratch, 32 * v + 16))))
      }
      code.advance(out, 16 * vectors)
      code.advance(x, 16 * vectors)
    }
    code.repeat(Math.floor(c / 4 / VECTORS), () => columns(VECTORS))
    const left = (c / 4) % VECTORS
    if (left > 0) columns(left)
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
