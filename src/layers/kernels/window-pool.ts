import { assemble, get, type Local, load, minus, plus, zeros } from '../../webassembly/assemble.ts'
import { add, and, div, greater, mul, splat, sqrt } from '../../webassembly/float32x4.ts'
import * as tf from '../tf.ts'
import { hasLoopKernel, registerLoopKernel, runLoopKernel } from './loop-kernel.ts'
import type { KernelAttributes, SimdKernel } from './simd-kernel.ts'
import { eachWindow, pixelOffsets, type Windows, windows } from './window-code.ts'

/** Non-overlapping windows of `height` x `width` in an NHWC tensor; incomplete windows at the border are dropped. */
export interface Window {
  readonly height: number
  readonly width: number
}

const SUM = 'LipWindowSum'
const SPREAD = 'LipWindowSpread'
const NORM = 'LipWindowNorm'
const NORM_GRAD = 'LipWindowNormGrad'

const pooledShape = ([b, h, w, c]: readonly number[], height: number, width: number): number[] => [
  b!,
  Math.floor(h! / height),
  Math.floor(w! / width),
  c!,
]

/**
 * out[window] = sum over its pixels of factor x (or x^2), channels contiguous. Pixels are visited in the order of memory; the
 * first of a window assigns, so that the output needs no clearing.
 */
function accumulate(
  out: Float32Array,
  x: Float32Array,
  [b, h, w, c]: readonly number[],
  height: number,
  width: number,
  squared: boolean,
): void {
  const rows = Math.floor(h! / height)
  const columns = Math.floor(w! / width)
  for (let image = 0; image < b!; image++) {
    for (let y = 0; y < rows * height; y++) {
      const outputRow = (image * rows + Math.floor(y / height)) * columns * c!
      const inputRow = (image * h! + y) * w! * c!
      const firstRow = y % height === 0
      for (let column = 0; column < columns; column++) {
        const to = outputRow + column * c!
        for (let k = 0; k < width; k++) {
          const from = inputRow + (column * width + k) * c!
          const first = firstRow && k === 0
          for (let i = 0; i < c!; i++) {
            const value = x[from + i]!
            const term = squared ? value * value : value
            out[to + i] = first ? term : out[to + i]! + term
          }
        }
      }
    }
  }
}

/** out[pixel] = share[window] (times x[pixel] where given); pixels outside complete windows stay as they are. */
function spread(
  out: Float32Array,
  share: Float32Array,
  x: Float32Array | undefined,
  [b, h, w, c]: readonly number[],
  height: number,
  width: number,
): void {
  const rows = Math.floor(h! / height)
  const columns = Math.floor(w! / width)
  for (let image = 0; image < b!; image++) {
    for (let y = 0; y < rows * height; y++) {
      const shareRow = (image * rows + Math.floor(y / height)) * columns * c!
      const outputRow = (image * h! + y) * w! * c!
      for (let column = 0; column < columns; column++) {
        const from = shareRow + column * c!
        for (let k = 0; k < width; k++) {
          const to = outputRow + (column * width + k) * c!
          if (x === undefined) for (let i = 0; i < c!; i++) out[to + i] = share[from + i]!
          else for (let i = 0; i < c!; i++) out[to + i] = share[from + i]! * x[to + i]!
        }
      }
    }
  }
}

registerLoopKernel({
  name: SUM,
  shape: ([x], { height, width }) => pooledShape(x!, height!, width!),
  run: (out, [x], [shape], { height, width, factor }) => {
    accumulate(out, x!, shape!, height!, width!, false)
    for (let i = 0; i < out.length; i++) out[i]! *= factor!
  },
  simd: ([shape], attributes) => pooling(shape!, attributes, false),
})

registerLoopKernel({
  name: SPREAD,
  shape: ([dy], { h, w }) => [dy![0]!, h!, w!, dy![3]!],
  run: (out, [dy], [shape], { height, width, h, w, factor }) => {
    if (h! % height! !== 0 || w! % width! !== 0) out.fill(0)
    const share = dy!.map((value) => value * factor!)
    spread(out, share, undefined, [shape![0]!, h!, w!, shape![3]!], height!, width!)
  },
  simd: ([shape], attributes) => spreading([shape![0]!, attributes.h!, attributes.w!, shape![3]!], attributes, false),
})

registerLoopKernel({
  name: NORM,
  shape: ([x], { height, width }) => pooledShape(x!, height!, width!),
  run: (out, [x], [shape], { height, width, factor }) => {
    accumulate(out, x!, shape!, height!, width!, true)
    for (let i = 0; i < out.length; i++) out[i] = factor! * Math.sqrt(out[i]!)
  },
  simd: ([shape], attributes) => pooling(shape!, attributes, true),
})

// Inputs in alphabetical order: dy, x, y.
registerLoopKernel({
  name: NORM_GRAD,
  shape: ([, x]) => [...x!],
  run: (out, [dy, x, y], [, shape], { height, width, factor, eps }) => {
    if (shape![1]! % height! !== 0 || shape![2]! % width! !== 0) out.fill(0)
    // y = factor ||window||; deel-lip differentiates sqrt(m) as 1 / (2 (sqrt(m) + eps)) with m = ||window||^2 / P.
    const root = Math.sqrt(height! * width!)
    const slope = new Float32Array(y!.length)
    for (let i = 0; i < slope.length; i++) {
      const denominator = y![i]! / factor! + root * eps!
      slope[i] = denominator > 0 ? (factor! * dy![i]!) / denominator : 0
    }
    spread(out, slope, x!, shape!, height!, width!)
  },
  simd: ([, shape], attributes) => spreading(shape!, attributes, true),
})

function pooling(shape: readonly number[], attributes: KernelAttributes, norm: boolean): SimdKernel | undefined {
  const g = windows(shape, attributes, norm)
  return g && { key: JSON.stringify(g), counts: [shape[0]!], write: () => writePooling(g) }
}

function spreading(shape: readonly number[], attributes: KernelAttributes, norm: boolean): SimdKernel | undefined {
  const g = windows(shape, attributes, norm)
  const clear = g !== undefined && (g.h % g.height !== 0 || g.w % g.width !== 0)
  return g && { key: JSON.stringify(g), counts: [shape[0]!], clear, write: () => writeSpreading(g) }
}

function writePooling(g: Windows): Uint8Array {
  return assemble(3, (code, out, x, images) => {
    const [total, value] = [code.v128(), code.v128()]
    eachWindow(code, g, images, x, () => {
      pixelOffsets(g).forEach((offset, i) => {
        code.set(value, load(x, offset))
        const term = g.eps === undefined ? get(value) : mul(get(value), get(value))
        code.set(total, i === 0 ? term : add(get(total), term))
      })
      code.store(out, 0, mul(g.eps === undefined ? get(total) : sqrt(get(total)), splat(g.factor)))
      code.advance(out, 16)
    })
  })
}

function writeSpreading(g: Windows): Uint8Array {
  const { eps } = g
  const damping = eps === undefined ? 0 : Math.sqrt(g.height * g.width) * eps
  return assemble(eps === undefined ? 3 : 5, (code, out, dy, ...rest) => {
    const share = code.v128()
    const images = rest.at(-1)!
    if (eps === undefined) {
      eachWindow(code, g, images, out, () => {
        code.set(share, mul(load(dy, 0), splat(g.factor)))
        for (const offset of pixelOffsets(g)) code.store(out, offset, get(share))
        code.advance(dy, 16)
      })
      return
    }
    const [x, y] = rest as [Local, Local]
    const denominator = code.v128()
    // The output moves with x.
    const distance = code.i32()
    const to = code.i32()
    code.set(distance, minus(get(out), get(x)))
    eachWindow(code, g, images, x, () => {
      code.set(denominator, add(div(load(y, 0), splat(g.factor)), splat(damping)))
      const slope = div(mul(load(dy, 0), splat(g.factor)), get(denominator))
      // 0 where the denominator is 0: an all-zero window, undamped.
      code.set(share, and(slope, greater(get(denominator), zeros)))
      code.set(to, plus(get(x), get(distance)))
      for (const offset of pixelOffsets(g)) code.store(to, offset, mul(get(share), load(x, offset)))
      code.advance(dy, 16)
      code.advance(y, 16)
    })
  })
}

tf.registerGradient({
  kernelName: SUM,
  inputsToSave: ['x'],
  gradFunc: (dy, saved, attrs) => ({
    x: () => {
      const [, h, w] = saved[0]!.shape as [number, number, number]
      return runLoopKernel(SPREAD, { dy: dy as tf.Tensor }, { ...(attrs as unknown as Record<string, number>), h, w })
    },
  }),
})

tf.registerGradient({
  kernelName: NORM,
  inputsToSave: ['x'],
  outputsToSave: [true],
  gradFunc: (dy, saved, attrs) => ({
    x: () =>
      runLoopKernel(
        NORM_GRAD,
        { dy: dy as tf.Tensor, x: saved[0]!, y: saved[1]! },
        attrs as unknown as Record<string, number>,
      ),
  }),
})

/** `factor` times the sum of each window. */
export function windowSum(x: tf.Tensor4D, window: Window, factor: number): tf.Tensor4D {
  const { height, width } = window
  if (hasLoopKernel(SUM)) return runLoopKernel(SUM, { x }, { height, width, factor })
  return tf.mul(tf.avgPool(x, [height, width], [height, width], 'valid'), factor * height * width)
}

/**
 * `factor` times the L2 norm of each window. The gradient is damped at zero as deel-lip's is: the square root of the mean
 * square m is differentiated as 1 / (2 (sqrt(m) + eps)), and an all-zero window gets the gradient 0.
 */
export function windowNorm(x: tf.Tensor4D, window: Window, factor: number, eps: number): tf.Tensor4D {
  const { height, width } = window
  if (hasLoopKernel(NORM)) return runLoopKernel(NORM, { x }, { height, width, factor, eps })
  const mean = tf.avgPool(tf.square(x), [height, width], [height, width], 'valid') as tf.Tensor4D
  return tf.mul(dampedSqrt(mean, eps), factor * Math.sqrt(height * width))
}

function dampedSqrt(x: tf.Tensor4D, eps: number): tf.Tensor4D {
  const op = tf.customGrad((...args) => {
    const [m, save] = args as unknown as [tf.Tensor, tf.GradSaveFunc]
    const root = tf.sqrt(m)
    save([root])
    return {
      value: root,
      // The floor matters for eps = 0 only, where an all-zero window would give 0 / 0.
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.div(dy, tf.maximum(tf.mul(tf.add(saved[0]!, eps), 2), 1e-30)),
    }
  })
  return op(x) as tf.Tensor4D
}
