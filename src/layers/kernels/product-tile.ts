import { type Code, constant, type Expression, get, type Local, load, plus } from '../../webassembly/assemble.ts'
import { add, loadSplat, mul } from '../../webassembly/float32x4.ts'

/** A part of a matrix product a b whose sums stay in registers: some rows of a by a panel of columns of b. */
export interface ProductTile extends TileShape {
  /** Floats from a row of a to the next. */
  readonly aStep: number
  /** Floats from a row of b, and of the product, to the next. */
  readonly n: number
  /** Terms of each sum. */
  readonly depth: number
  /** What the sum of a row and vector begins with. */
  readonly start: (row: number, vector: number) => Expression
}

/** Sums of a tile: `height` rows by `width` vectors. */
export interface TileShape {
  readonly height: number
  readonly width: number
}

/** Columns of the product in panels of four vectors, and one of what is left; 8 or 9 sums fill the registers with their factors. */
export const WIDE: TileShape = { height: 2, width: 4 }
const NARROW: readonly TileShape[] = [
  { height: 8, width: 1 },
  { height: 4, width: 2 },
  { height: 3, width: 3 },
]

/** The last panel of n columns, a multiple of four; undefined where whole ones suffice. */
export function lastPanel(n: number): TileShape | undefined {
  return NARROW[((n / 4) % WIDE.width) - 1]
}

/** Does `panel` for each panel of n columns. */
export function eachPanel(code: Code, n: number, panel: (shape: TileShape) => void): void {
  code.repeat(Math.floor(n / 4 / WIDE.width), () => panel(WIDE))
  const last = lastPanel(n)
  if (last) panel(last)
}

/** One tile, from the rows at `from` and the panel at `panel`; `from` and `to` move on to the next rows. */
export function writeTile(code: Code, tile: ProductTile, from: Local, panel: Local, to: Local): void {
  const { aStep, n, depth, height, width, start } = tile
  const [x, y] = [code.i32(get(from)), code.i32(get(panel))]
  const sums = Array.from({ length: height }, (_, row) =>
    Array.from({ length: width }, (_, v) => code.v128(start(row, v))),
  )
  const factors = Array.from({ length: width }, () => code.v128())
  const input = code.v128()
  // Not unrolled: compilers put the loads of a longer body first and run out of registers.
  code.repeat(depth, () => {
    factors.forEach((factor, v) => {
      code.set(factor, load(y, 16 * v))
    })
    sums.forEach((row, r) => {
      code.set(input, loadSplat(x, 4 * r * aStep))
      row.forEach((sum, v) => {
        code.set(sum, add(get(sum), mul(get(input), get(factors[v]!))))
      })
    })
    code.advance(x, 4)
    code.advance(y, 4 * n)
  })
  sums.forEach((row, r) => {
    row.forEach((sum, v) => {
      code.store(to, 4 * r * n + 16 * v, get(sum))
    })
  })
  code.set(from, plus(get(from), constant(4 * height * aStep)))
  code.advance(to, 4 * height * n)
}
