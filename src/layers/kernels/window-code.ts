/**
 * Loops over the windows of images, as machine code.
 * @module
 */
import type { Code, Local } from '../../webassembly/assemble.ts'
import type { KernelAttributes } from './simd-kernel.ts'

/** Windows of an [h, w, c] image, four channels to a vector. */
export interface Windows {
  readonly h: number
  readonly w: number
  readonly c: number
  readonly height: number
  readonly width: number
  readonly factor: number
  /** Of the damped root; undefined for sums. */
  readonly eps: number | undefined
}

/** undefined where channels do not fill vectors, or no window fits. */
export function windows(
  [, h, w, c]: readonly number[],
  { height, width, factor, eps }: KernelAttributes,
  norm: boolean,
): Windows | undefined {
  const fits = c! % 4 === 0 && h! >= height! && w! >= width!
  const numbers = { h: h!, w: w!, c: c!, height: height!, width: width!, factor: factor! }
  return fits ? { ...numbers, eps: norm ? (eps ?? 0) : undefined } : undefined
}

/** Visits the windows of an image in the order of memory, four channels at a time; `x` is then the window's first pixel. */
export function eachWindow(code: Code, g: Windows, images: Local, x: Local, visit: () => void): void {
  const rows = Math.floor(g.h / g.height)
  const columns = Math.floor(g.w / g.width)
  code.repeat(images, () => {
    code.repeat(rows, () => {
      code.repeat(columns, () => {
        code.repeat(g.c / 4, () => {
          visit()
          code.advance(x, 16)
        })
        code.advance(x, 4 * (g.width - 1) * g.c)
      })
      code.advance(x, 4 * (g.height * g.w - columns * g.width) * g.c)
    })
    code.advance(x, 4 * (g.h - rows * g.height) * g.w * g.c)
  })
}

/** Of the pixels of a window from its first, in bytes. */
export const pixelOffsets = ({ height, width, w, c }: Windows): number[] =>
  Array.from({ length: height * width }, (_, i) => 4 * (Math.floor(i / width) * w + (i % width)) * c)
