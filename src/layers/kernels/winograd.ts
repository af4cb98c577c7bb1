/**
 * The parts that Winograd's convolution and its filter gradient share: F(2x2, 3x3), which makes 2 x 2 outputs of a 3 x 3 filter from a
 * tile of 4 x 4 inputs with 16 products in place of 36. A. Lavin and S. Gray, Fast Algorithms for Convolutional Neural Networks,
 * CVPR 2016, section 4.1; the names d, g and m of the tiles, filters and products are theirs.
 * @module
 */
import { type Code, constant, type Expression, get, type Local, load, plus } from '../../webassembly/assemble.ts'
import { add, sub } from '../../webassembly/float32x4.ts'
import type { ConvGeometry } from './conv2d.ts'
import { HAS_SIMD } from './simd-function.ts'

/** A 3 x 3 convolution with stride 1 and zero padding of [h, w, cin] images to [oh, ow, cout]; channels fill vectors. */
export interface WinogradGeometry {
  readonly h: number
  readonly w: number
  readonly cin: number
  readonly oh: number
  readonly ow: number
  readonly cout: number
  readonly top: number
  readonly left: number
}

/** undefined where the convolution is not one for these kernels. Shapes: [b, h, w, cin] and [kh, kw, cin, cout]. */
export function winogradGeometry(
  [images, h, w]: readonly number[],
  [kh, kw, cin, cout]: readonly number[],
  { strides: [sy, sx], padding: { top, bottom, left, right } }: ConvGeometry,
): WinogradGeometry | undefined {
  if (!HAS_SIMD || kh !== 3 || kw !== 3 || sy !== 1 || sx !== 1 || cin! % 4 !== 0 || cout! % 4 !== 0) return undefined
  const g = { h: h!, w: w!, cin: cin!, oh: h! + top + bottom - 2, ow: w! + left + right - 2, cout: cout!, top, left }
  const whole = Math.min(images!, g.h, g.w, g.cin, g.oh, g.ow, g.cout) > 0 && Math.min(top, bottom, left, right) >= 0
  return whole ? g : undefined
}

/** How an image is cut into tiles: `columns` of them in a row, and rows that are worked on together, so that they stay in the cache. */
export interface Tiling {
  readonly columns: number
  readonly rows: number
  readonly rowsOfBlock: number
  /** Tiles of a whole block. */
  readonly tiles: number
  /** Of the padded image. */
  readonly height: number
  readonly width: number
}

/** Floats of transformed tiles at a time: with the filters beside them they stay in a cache of the first or second level. */
const BLOCK = 1 << 14

export function tilingOf({ oh, ow, cin, cout }: WinogradGeometry): Tiling {
  const columns = Math.ceil(ow / 2)
  const rows = Math.ceil(oh / 2)
  const rowsOfBlock = Math.max(1, Math.min(rows, Math.floor(BLOCK / (16 * columns * (cin + cout)))))
  const tiles = rowsOfBlock * columns
  return { columns, rows, rowsOfBlock, tiles, height: 2 * rows + 2, width: 2 * columns + 2 }
}

/**
 * B^T d B of all tiles in `rows` rows, from the padded image at `padded`, to [16, tiles, cin] at `transformed`; `padded` moves on to
 * the rows after them.
 */
export function writeInputTransform(
  code: Code,
  { cin }: WinogradGeometry,
  t: Tiling,
  rows: number,
  padded: Local,
  transformed: Local,
): void {
  const [from, to, rowTo] = [code.i32(), code.i32(), code.i32(get(transformed))]
  // B^T d by columns; neighbouring tiles share two of them.
  const half = Array.from({ length: 4 }, () => Array.from({ length: 4 }, () => code.v128()))
  const d = Array.from({ length: 4 }, () => code.v128())
  const column = (j: number): void => {
    for (let i = 0; i < 4; i++) code.set(d[i]!, load(from, 4 * (i * t.width + j) * cin))
    const [d0, d1, d2, d3] = d.map(get) as [Expression, Expression, Expression, Expression]
    const sums = [sub(d0, d2), add(d1, d2), sub(d2, d1), sub(d1, d3)]
    for (let i = 0; i < 4; i++) code.set(half[i]![j]!, sums[i]!)
  }
  const channel = code.i32()
  code.repeat(rows, () => {
    code.set(channel, constant(0))
    code.repeat(cin / 4, () => {
      code.set(from, plus(get(padded), get(channel)))
      code.set(to, plus(get(rowTo), get(channel)))
      column(0)
      column(1)
      code.repeat(t.columns, () => {
        column(2)
        column(3)
        half.forEach((row, i) => {
          const [c0, c1, c2, c3] = row.map(get) as [Expression, Expression, Expression, Expression]
          const sums = [sub(c0, c2), add(c1, c2), sub(c2, c1), sub(c1, c3)]
          for (let j = 0; j < 4; j++) code.store(to, 4 * (4 * i + j) * t.tiles * cin, sums[j]!)
          code.set(row[0]!, c2)
          code.set(row[1]!, c3)
        })
        code.advance(from, 8 * cin)
        code.advance(to, 4 * cin)
      })
      code.advance(channel, 16)
    })
    code.advance(padded, 8 * t.width * cin)
    code.advance(rowTo, 4 * t.columns * cin)
  })
}

/** Does `block` for each block of an image: whole ones in a loop, then the rows that are left, of which an odd one is the last. */
export function eachBlock(
  code: Code,
  g: WinogradGeometry,
  t: Tiling,
  block: (rows: number, oddRow: boolean) => void,
): void {
  const whole = Math.floor(g.oh / 2)
  const blocks = Math.floor(whole / t.rowsOfBlock)
  code.repeat(blocks, () => block(t.rowsOfBlock, false))
  const left = t.rows - blocks * t.rowsOfBlock
  if (left > 0) block(left, g.oh % 2 === 1)
}
