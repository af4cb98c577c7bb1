import { type Code, constant, get, type Local, load, plus, zeros } from '../../webassembly/assemble.ts'
import { loadSplat } from '../../webassembly/float32x4.ts'

export interface PaddedImage {
  /** Of the image. */
  readonly h: number
  readonly w: number
  readonly cin: number
  /** Zeros before it. */
  readonly top: number
  readonly left: number
  /** Of the padded one; what does not fit is cut off. */
  readonly height: number
  readonly width: number
}

/** Zeros from `from` on, at least `floats`, at most three more. */
export function writeZeros(code: Code, from: Local, floats: number): void {
  const to = code.i32(get(from))
  code.repeat(Math.ceil(floats / 4), () => {
    code.store(to, 0, zeros)
    code.advance(to, 16)
  })
}

/** Copies an image into its place among zeros; `image` moves on to the next one. */
export function writePadding(code: Code, p: PaddedImage, image: Local, padded: Local): void {
  // With strides, what is needed may end before the image begins.
  const rows = Math.max(0, Math.min(p.h, p.height - p.top))
  const floats = Math.max(0, Math.min(p.w, p.width - p.left)) * p.cin
  const to = code.i32(plus(get(padded), constant(4 * (p.top * p.width + p.left) * p.cin)))
  code.repeat(rows, () => {
    code.repeat(Math.floor(floats / 4), () => {
      code.store(to, 0, load(image, 0))
      code.advance(to, 16)
      code.advance(image, 16)
    })
    const rest = floats % 4
    for (let i = 0; i < rest; i++) code.storeFirst(to, 4 * i, loadSplat(image, 4 * i))
    code.advance(to, 4 * (p.width * p.cin - floats + rest))
    code.advance(image, 4 * (p.w * p.cin - floats + rest))
  })
  code.advance(image, 4 * (p.h - rows) * p.w * p.cin)
}
