import { assemble, get, type Local, load } from '../../webassembly/assemble.ts'
import { greater, lanes, mul, select, splat } from '../../webassembly/float32x4.ts'
import * as tf from '../tf.ts'
import { hasLoopKernel, registerLoopKernel, runLoopKernel } from './loop-kernel.ts'
import type { KernelAttributes, SimdKernel } from './simd-kernel.ts'

const FORWARD = 'LipGroupSort'
const BACKWARD = 'LipGroupSortGrad'

registerLoopKernel({
  name: FORWARD,
  shape: ([x]) => [...(x ?? [])],
  run: (out, [x], _shapes, { n, factor }) => {
    if (n === 2) sortPairs(out, x!, factor!)
    else sortGroups(out, x!, n!, factor!)
  },
  simd: ([shape], attributes) => pairs(shape!, attributes, false),
})

// Inputs in alphabetical order: dy, x.
registerLoopKernel({
  name: BACKWARD,
  shape: ([dy]) => [...(dy ?? [])],
  run: (out, [dy, x], _shapes, { n, factor }) => {
    if (n === 2) unsortPairs(out, dy!, x!, factor!)
    else unsortGroups(out, dy!, x!, n!, factor!)
  },
  simd: ([shape], attributes) => pairs(shape!, attributes, true),
})

/** Two pairs to a vector. */
function pairs(shape: readonly number[], { n, factor }: KernelAttributes, backward: boolean): SimdKernel | undefined {
  const size = shape.reduce((a, b) => a * b, 1)
  if (n !== 2 || size % 4 !== 0) return undefined
  return { key: String(factor), counts: [size / 4], write: () => writePairs(factor!, backward) }
}

/** Sorts the pairs of `values` (backward: of dy) where those of x are out of order, times the factor. */
function writePairs(factor: number, backward: boolean): Uint8Array {
  return assemble(backward ? 4 : 3, (code, out, ...rest) => {
    const [values, x, count] = (backward ? rest : [rest[0]!, ...rest]) as [Local, Local, Local]
    const [value, swapped, original, mask] = [code.v128(), code.v128(), code.v128(), code.v128()]
    const exchange = (a: Local) => lanes(get(a), [1, 0, 3, 2])
    code.repeat(count, () => {
      code.set(original, load(x, 0))
      // Whether the first of each pair is greater: false for NaN, which is then copied.
      code.set(mask, greater(get(original), exchange(original)))
      code.set(mask, lanes(get(mask), [0, 0, 2, 2]))
      code.set(value, backward ? load(values, 0) : get(original))
      code.set(swapped, exchange(value))
      const sorted = select(get(swapped), get(value), get(mask))
      code.store(out, 0, factor === 1 ? sorted : mul(sorted, splat(factor)))
      code.advance(out, 16)
      code.advance(x, 16)
      if (backward) code.advance(values, 16)
    })
  })
}

tf.registerGradient({
  kernelName: FORWARD,
  inputsToSave: ['x'],
  gradFunc: (dy, saved, attrs) => ({
    x: () => runLoopKernel(BACKWARD, { dy: dy as tf.Tensor, x: saved[0]! }, attrs as unknown as Record<string, number>),
  }),
})

/**
 * Sorts consecutive groups of `n` along the last axis in ascending order, times `factor`. The gradient is the inverse of
 * the permutation; equal values keep their places (a stable sort), so that it is always exactly one permutation.
 */
export function groupSort<T extends tf.Tensor>(x: T, n: number, factor = 1): T {
  if (n === 1) return factor === 1 ? tf.clone(x) : tf.mul(x, factor)
  if (hasLoopKernel(FORWARD)) return runLoopKernel<T>(FORWARD, { x }, { n, factor })
  const groups = tf.reshape(x, [-1, n]) as tf.Tensor2D
  const sorted = n === 2 ? composedPairs(groups) : composedGroups(groups)
  return tf.reshape(factor === 1 ? sorted : tf.mul(sorted, factor), x.shape) as T
}

/** Pairs without slices: with s = (1, -1) and r = the reversed pair, s min(s x, s r) = (min, max). */
function composedPairs(groups: tf.Tensor2D): tf.Tensor2D {
  const op = tf.customGrad((...args) => {
    const [x, save] = args as unknown as [tf.Tensor2D, tf.GradSaveFunc]
    const sign = tf.tensor1d([1, -1])
    const signed = tf.mul(x, sign)
    const reversed = tf.mul(tf.reverse(x, 1), sign)
    const keep = tf.lessEqual(signed, reversed)
    save([keep])
    return {
      value: tf.mul(tf.minimum(signed, reversed), sign) as tf.Tensor2D,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.where(saved[0]!, dy, tf.reverse(dy, 1)),
    }
  })
  return op(groups) as tf.Tensor2D
}

/** TopK has no gradient in TensorFlow.js: the permutation is saved as a one-hot matrix and applied backwards. */
function composedGroups(groups: tf.Tensor2D): tf.Tensor2D {
  const n = groups.shape[1]
  const op = tf.customGrad((...args) => {
    const [x, save] = args as unknown as [tf.Tensor2D, tf.GradSaveFunc]
    const { values, indices } = tf.topk(tf.neg(x), n, true)
    save([tf.oneHot(tf.cast(indices, 'int32'), n)])
    return {
      value: tf.neg(values) as tf.Tensor2D,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        tf.reshape(tf.matMul(tf.reshape(dy, [-1, 1, n]), tf.cast(saved[0]!, 'float32')), dy.shape),
    }
  })
  return op(groups) as tf.Tensor2D
}

// The comparison becomes an offset, not a branch: on random data a branch is mispredicted half of the time and costs four times
// as much. A comparison with NaN is false: the pair is then copied, and NaN stays visible.

function sortPairs(out: Float32Array, x: Float32Array, factor: number): void {
  for (let i = 0; i < x.length; i += 2) {
    const swap = Number(x[i]! > x[i + 1]!)
    out[i] = factor * x[i + swap]!
    out[i + 1] = factor * x[i + 1 - swap]!
  }
}

function unsortPairs(out: Float32Array, dy: Float32Array, x: Float32Array, factor: number): void {
  for (let i = 0; i < x.length; i += 2) {
    const swap = Number(x[i]! > x[i + 1]!)
    out[i] = factor * dy[i + swap]!
    out[i + 1] = factor * dy[i + 1 - swap]!
  }
}

function sortGroups(out: Float32Array, x: Float32Array, n: number, factor: number): void {
  const values = new Float32Array(n)
  const order = new Int32Array(n)
  for (let start = 0; start < x.length; start += n) {
    sortOneGroup(x, start, n, values, order)
    for (let i = 0; i < n; i++) out[start + i] = factor * values[i]!
  }
}

function unsortGroups(out: Float32Array, dy: Float32Array, x: Float32Array, n: number, factor: number): void {
  const values = new Float32Array(n)
  const order = new Int32Array(n)
  for (let start = 0; start < x.length; start += n) {
    sortOneGroup(x, start, n, values, order)
    for (let i = 0; i < n; i++) out[start + order[i]!] = factor * dy[start + i]!
  }
}

/** Stable insertion sort for short groups, the built-in stable sort for long ones. */
function sortOneGroup(x: Float32Array, start: number, n: number, values: Float32Array, order: Int32Array): void {
  if (n > 32) {
    for (let i = 0; i < n; i++) order[i] = i
    order.sort((a, b) => x[start + a]! - x[start + b]! || a - b)
    for (let i = 0; i < n; i++) values[i] = x[start + order[i]!]!
    return
  }
  for (let i = 0; i < n; i++) {
    const value = x[start + i]!
    let j = i
    while (j > 0 && values[j - 1]! > value) {
      values[j] = values[j - 1]!
      order[j] = order[j - 1]!
      j--
    }
    values[j] = value
    order[j] = i
  }
}
