import { assemble, type Expression, get, type Local, load, minus, plus, zeros } from '../../webassembly/assemble.ts'
import { add, and, div, greater, lanes, mul, select, splat, sqrt } from '../../webassembly/float32x4.ts'
import * as tf from '../tf.ts'
import { HAS_SIMD } from './simd-function.ts'
import { type KernelAttributes, registerSimdKernel } from './simd-kernel.ts'
import { eachWindow, pixelOffsets, type Windows, windows } from './window-code.ts'
import type { Window } from './window-pool.ts'

const FORWARD = 'LipSortedWindowNorm'
const BACKWARD = 'LipSortedWindowNormGrad'

export interface SortedWindowNorm extends Window {
  /** Of the sorting. */
  readonly sortFactor: number
  /** Of the norm. */
  readonly factor: number
  readonly eps: number
}

registerSimdKernel({
  name: FORWARD,
  plan: ([shape], attributes) => {
    const [b, h, w, c] = shape as [number, number, number, number]
    const g = windows(shape!, attributes, true)!
    return {
      shape: [b, Math.floor(h / g.height), Math.floor(w / g.width), c],
      simd: { key: keyOf(g, attributes), counts: [b], write: () => writeNorm(g, attributes.sortFactor!) },
    }
  },
})

// Inputs in alphabetical order: dy, x, y.
registerSimdKernel({
  name: BACKWARD,
  plan: ([, shape], attributes) => {
    const g = windows(shape!, attributes, true)!
    const clear = g.h % g.height !== 0 || g.w % g.width !== 0
    return {
      shape: shape!,
      simd: {
        key: keyOf(g, attributes),
        counts: [shape![0]!],
        clear,
        write: () => writeGradient(g, attributes.sortFactor!),
      },
    }
  },
})

const keyOf = (g: Windows, { sortFactor }: KernelAttributes): string => JSON.stringify([g, sortFactor])

const exchanged = (value: Local): Expression => lanes(get(value), [1, 0, 3, 2])
/** All bits where the first of a pair is greater, in both lanes: false for NaN, which keeps its place. */
const outOfOrder = (value: Local): Expression => lanes(greater(get(value), exchanged(value)), [0, 0, 2, 2])
const scaled = (value: Expression, factor: number): Expression => (factor === 1 ? value : mul(value, splat(factor)))

function writeNorm(g: Windows, sortFactor: number): Uint8Array {
  return assemble(3, (code, out, x, images) => {
    const [total, value] = [code.v128(), code.v128()]
    eachWindow(code, g, images, x, () => {
      pixelOffsets(g).forEach((offset, i) => {
        code.set(value, load(x, offset))
        code.set(value, scaled(select(exchanged(value), get(value), outOfOrder(value)), sortFactor))
        const square = mul(get(value), get(value))
        code.set(total, i === 0 ? square : add(get(total), square))
      })
      code.store(out, 0, mul(sqrt(get(total)), splat(g.factor)))
      code.advance(out, 16)
    })
  })
}

function writeGradient(g: Windows, sortFactor: number): Uint8Array {
  const damping = Math.sqrt(g.height * g.width) * g.eps!
  return assemble(5, (code, out, dy, x, y, images) => {
    const [share, denominator, value, mask] = [code.v128(), code.v128(), code.v128(), code.v128()]
    // The output moves with x.
    const distance = code.i32(minus(get(out), get(x)))
    const to = code.i32()
    eachWindow(code, g, images, x, () => {
      code.set(denominator, add(div(load(y, 0), splat(g.factor)), splat(damping)))
      const slope = div(mul(load(dy, 0), splat(g.factor)), get(denominator))
      // 0 where the denominator is 0: an all-zero window, undamped.
      code.set(share, and(slope, greater(get(denominator), zeros)))
      code.set(to, plus(get(x), get(distance)))
      for (const offset of pixelOffsets(g)) {
        code.set(value, load(x, offset))
        code.set(mask, outOfOrder(value))
        code.set(value, scaled(select(exchanged(value), get(value), get(mask)), sortFactor))
        // The gradient of the sorted pixel, then back to the places before.
        code.set(value, mul(get(share), get(value)))
        code.store(to, offset, scaled(select(exchanged(value), get(value), get(mask)), sortFactor))
      }
      code.advance(dy, 16)
      code.advance(y, 16)
    })
  })
}

tf.registerGradient({
  kernelName: FORWARD,
  inputsToSave: ['x'],
  outputsToSave: [true],
  gradFunc: (dy, saved, attrs) => ({
    x: () =>
      tf
        .engine()
        .runKernel(BACKWARD, { dy: dy as tf.Tensor, x: saved[0]!, y: saved[1]! }, attrs as unknown as tf.NamedAttrMap),
  }),
})

/** Whether tensors of a shape are served on the current backend. */
export function canSortAndPool([, h, w, c]: tf.Shape, { height, width }: Window): boolean {
  return HAS_SIMD && tf.getBackend() === 'wasm' && c! % 4 === 0 && h! >= height && w! >= width
}

/** `windowNorm(groupSort(x, 2, sortFactor), ...)` in one pass over memory, the same to the last bit. */
export function sortedWindowNorm(x: tf.Tensor4D, options: SortedWindowNorm): tf.Tensor4D {
  return tf.engine().runKernel(FORWARD, { x }, { ...options })
}
