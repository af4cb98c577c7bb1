import { assemble, get, load, zeros } from '../../webassembly/assemble.ts'
import { eachPanel, lastPanel, WIDE, writeTile } from './product-tile.ts'
import { registerSimdKernel } from './simd-kernel.ts'

/** Inputs: a [m, k], b [k, n] with n a multiple of four. */
export const MATRIX_PRODUCT = 'LipMatrixProduct'

registerSimdKernel({
  name: MATRIX_PRODUCT,
  plan: ([a, b]) => {
    const [m, k] = a as [number, number]
    const n = b![1]!
    const heights = [WIDE, lastPanel(n) ?? WIDE].map(({ height }) => height)
    return {
      shape: [m, n],
      simd: {
        key: `${k} ${n}`,
        counts: heights.flatMap((height) => [Math.floor(m / height), m % height]),
        write: () => writeProduct(k, n),
      },
    }
  },
})

/** Rows of b at a time: a panel of them stays in the nearest cache while all rows of a pass by. */
const DEPTH = 256

function writeProduct(k: number, n: number): Uint8Array {
  return assemble(7, (code, out, a, b, tiles, rows, lastTiles, lastRows) => {
    const [panel, column, to] = [code.i32(), code.i32(), code.i32()]
    eachPanel(code, n, ({ height, width }) => {
      const depths = (depth: number, first: boolean): void => {
        const from = code.i32(get(column))
        code.set(to, get(out))
        const start = (row: number, v: number) => (first ? zeros : load(to, 4 * row * n + 16 * v))
        const tile = { aStep: k, n, depth, width, start }
        const [whole, single] = width === WIDE.width ? [tiles, rows] : [lastTiles, lastRows]
        code.repeat(whole, () => writeTile(code, { ...tile, height }, from, panel, to))
        code.repeat(single, () => writeTile(code, { ...tile, height: 1 }, from, panel, to))
        code.advance(column, 4 * depth)
        code.advance(panel, 4 * depth * n)
      }
      code.set(panel, get(b))
      code.set(column, get(a))
      depths(Math.min(DEPTH, k), true)
      const left = Math.max(0, k - DEPTH)
      code.repeat(Math.floor(left / DEPTH), () => depths(DEPTH, false))
      if (left % DEPTH > 0) depths(left % DEPTH, false)
      code.advance(b, 16 * width)
      code.advance(out, 16 * width)
    })
  })
}
