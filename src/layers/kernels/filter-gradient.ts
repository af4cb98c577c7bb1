import { assemble, constant, get, load, plus, zeros } from '../../webassembly/assemble.ts'
import { add, loadSplat, mul } from '../../webassembly/float32x4.ts'
import type * as tf from '../tf.ts'
import type { ConvGeometry } from './conv2d.ts'
import { registerLoopKernel, runLoopKernel } from './loop-kernel.ts'
import { widest } from './widest.ts'

const NAME = 'LipFilterGradient'

interface Geometry {
  readonly [name: string]: number
  readonly h: number
  readonly w: number
  readonly cin: number
  readonly oh: number
  readonly ow: number
  readonly cout: number
  readonly kh: number
  readonly kw: number
  readonly sy: number
  readonly sx: number
  readonly top: number
  readonly left: number
}

const geometryOf = (dy: readonly number[], x: readonly number[], attributes: Readonly<Record<string, number>>) =>
  ({ ...attributes, h: x[1]!, w: x[2]!, cin: x[3]!, oh: dy[1]!, ow: dy[2]!, cout: dy[3]! }) as unknown as Geometry

/** Positions j of 0 ... outputs - 1 with 0 <= s j + a - before < size, as [first, count]. */
function inside(a: number, before: number, s: number, size: number, outputs: number): readonly [number, number] {
  const first = Math.max(0, Math.ceil((before - a) / s))
  const end = Math.min(outputs, Math.floor((size - 1 + before - a) / s) + 1)
  return [first, Math.max(0, end - first)]
}

// Inputs in alphabetical order: dy, x.
registerLoopKernel({
  name: NAME,
  shape: ([dy, x], { kh, kw }) => [kh!, kw!, x![3]!, dy![3]!],
  run: (out, [dy, x], [dyShape, xShape], attributes) => {
    const g = geometryOf(dyShape!, xShape!, attributes)
    const sums = new Float64Array(out.length)
    for (let image = 0; image < dyShape![0]!; image++) {
      for (let a = 0; a < g.kh; a++) {
        const [y0, rows] = inside(a, g.top, g.sy, g.h, g.oh)
        for (let b = 0; b < g.kw; b++) {
          const [x0, columns] = inside(b, g.left, g.sx, g.w, g.ow)
          const to = (a * g.kw + b) * g.cin * g.cout
          for (let y = y0; y < y0 + rows; y++) {
            for (let column = x0; column < x0 + columns; column++) {
              const from = ((image * g.h + g.sy * y + a - g.top) * g.w + g.sx * column + b - g.left) * g.cin
              const by = ((image * g.oh + y) * g.ow + column) * g.cout
              for (let i = 0; i < g.cin; i++) {
                for (let o = 0; o < g.cout; o++) sums[to + i * g.cout + o]! += x![from + i]! * dy![by + o]!
              }
            }
          }
        }
      }
    }
    out.set(sums)
  },
  simd: ([dyShape, xShape], attributes) => {
    const g = geometryOf(dyShape!, xShape!, attributes)
    if (g.cout % 4 !== 0 || dyShape![0] === 0) return undefined
    return { key: JSON.stringify(g), counts: [dyShape![0]!], clear: true, write: () => writeFilterGradient(g) }
  },
})

/**
 * For each image and tap, blocks of up to 4 input channels by up to 32 output channels, 8 vectors of sums in registers, over all
 * pixels that the tap sees; then added to the filter in memory, so that no sum in registers is longer than an image.
 */
function writeFilterGradient(g: Geometry): Uint8Array {
  return assemble(4, (code, out, dy, x, images) => {
    const [xp, dp, wp, xBlock, wBlock] = [code.i32(), code.i32(), code.i32(), code.i32(), code.i32()]
    const dyBlock = code.i32()
    const sums = Array.from({ length: 8 }, () => code.v128())
    const cotangents = Array.from({ length: 8 }, () => code.v128())
    const input = code.v128()

    const block = (a: number, b: number, inputs: number): void => {
      const [y0, rows] = inside(a, g.top, g.sy, g.h, g.oh)
      const [x0, columns] = inside(b, g.left, g.sx, g.w, g.ow)
      if (rows === 0 || columns === 0) return
      const vectors = widest(g.cout / 4, Math.floor(8 / inputs))
      code.set(dyBlock, plus(get(dy), constant(4 * (y0 * g.ow + x0) * g.cout)))
      code.set(wp, get(wBlock))
      code.repeat(g.cout / 4 / vectors, () => {
        const offset = 4 * ((g.sy * y0 + a - g.top) * g.w + g.sx * x0 + b - g.left) * g.cin
        code.set(xp, plus(get(xBlock), constant(offset)))
        code.set(dp, get(dyBlock))
        for (let i = 0; i < inputs; i++) {
          for (let v = 0; v < vectors; v++) code.set(sums[i * vectors + v]!, zeros)
        }
        code.repeat(rows, () => {
          // Not unrolled: compilers put the loads of a longer body first and run out of registers.
          code.repeat(columns, () => {
            for (let v = 0; v < vectors; v++) code.set(cotangents[v]!, load(dp, 16 * v))
            for (let i = 0; i < inputs; i++) {
              code.set(input, loadSplat(xp, 4 * i))
              for (let v = 0; v < vectors; v++) {
                const sum = sums[i * vectors + v]!
                code.set(sum, add(get(sum), mul(get(input), get(cotangents[v]!))))
              }
            }
            code.advance(xp, 4 * g.sx * g.cin)
            code.advance(dp, 4 * g.cout)
          })
          code.advance(xp, 4 * (g.sy * g.w - columns * g.sx) * g.cin)
          code.advance(dp, 4 * (g.ow - columns) * g.cout)
        })
        for (let i = 0; i < inputs; i++) {
          for (let v = 0; v < vectors; v++) {
            const offset = 4 * (i * g.cout + 4 * v)
            code.store(wp, offset, add(load(wp, offset), get(sums[i * vectors + v]!)))
          }
        }
        code.advance(dyBlock, 16 * vectors)
        code.advance(wp, 16 * vectors)
      })
      code.advance(xBlock, 4 * inputs)
      code.advance(wBlock, 4 * inputs * g.cout)
    }

    code.repeat(images, () => {
      for (let a = 0; a < g.kh; a++) {
        for (let b = 0; b < g.kw; b++) {
          code.set(xBlock, get(x))
          code.set(wBlock, plus(get(out), constant(4 * (a * g.kw + b) * g.cin * g.cout)))
          code.repeat(Math.floor(g.cin / 4), () => block(a, b, 4))
          if (g.cin % 4 > 0) block(a, b, g.cin % 4)
        }
      }
      code.advance(x, 4 * g.h * g.w * g.cin)
      code.advance(dy, 4 * g.oh * g.ow * g.cout)
    })
  })
}

/** dW[a, b, i, o] = sum over images and pixels of x[s j + (a, b) - pad, i] dy[j, o]: kernels of wasm and cpu. */
export function filterGradient(
  x: tf.Tensor4D,
  dy: tf.Tensor4D,
  { strides: [sy, sx], padding: { top, left } }: ConvGeometry,
  [kh, kw]: readonly [number, number],
): tf.Tensor4D {
  return runLoopKernel(NAME, { dy, x }, { kh, kw, sy, sx, top, left })
}
