import { assemble, type Code, constant, get, type Local, load, plus, zeros } from '../../webassembly/assemble.ts'
import { add, mul, splat, sub } from '../../webassembly/float32x4.ts'
import { writePadding, writeZeros } from './pad-image.ts'
import { eachPanel, writeTile } from './product-tile.ts'
import { registerSimdKernel } from './simd-kernel.ts'
import { eachBlock, type Tiling, tilingOf, type WinogradGeometry, writeInputTransform } from './winograd.ts'

/** Attributes: `WinogradGeometry`. Inputs: filter [3, 3, cin, cout], x [b, h, w, cin], and a bias [cout] before them or none. */
export const WINOGRAD_CONVOLUTION = 'LipWinogradConvolution'

registerSimdKernel({
  name: WINOGRAD_CONVOLUTION,
  plan: (shapes, attributes) => {
    const g = attributes as unknown as WinogradGeometry
    const images = shapes.at(-1)![0]!
    const bias = shapes.length === 3
    const scratch = placesOf(g).floats
    const key = JSON.stringify([g, bias])
    return {
      shape: [images, g.oh, g.ow, g.cout],
      simd: { key, scratch, counts: [images], write: () => writeConvolution(g, bias) },
    }
  },
})

/** Offsets in bytes in the scratch memory, and its size. */
function placesOf(g: WinogradGeometry) {
  const t = tilingOf(g)
  const padded = t.height * t.width * g.cin
  const inputs = 16 * t.tiles * g.cin
  const products = 16 * t.tiles * g.cout
  const filters = 16 * g.cin * g.cout
  return {
    inputs: 4 * padded,
    products: 4 * (padded + inputs),
    filters: 4 * (padded + inputs + products),
    floats: padded + inputs + products + filters,
  }
}

function writeConvolution(g: WinogradGeometry, withBias: boolean): Uint8Array {
  return assemble(withBias ? 6 : 5, (code, out, ...rest) => {
    const bias = withBias ? rest.shift() : undefined
    const [filter, image, scratch, images] = rest as [Local, Local, Local, Local]
    const t = tilingOf(g)
    const places = placesOf(g)
    const at = (offset: number): Local => code.i32(plus(get(scratch), constant(offset)))
    const [inputs, products, filters] = [at(places.inputs), at(places.products), at(places.filters)]
    writeFilterTransform(code, g, filter, filters)
    writeZeros(code, scratch, t.height * t.width * g.cin)
    const padded = code.i32()
    code.repeat(images, () => {
      writePadding(code, { ...g, ...t }, image, scratch)
      code.set(padded, get(scratch))
      eachBlock(code, g, t, (rows, oddRow) => {
        writeInputTransform(code, g, t, rows, padded, inputs)
        writeProducts(code, g, t, rows * t.columns, inputs, filters, products)
        writeOutputTransform(code, g, t, rows, oddRow, products, bias, out)
      })
    })
  })
}

/** G g G^T of all filters, to [16, cin, cout]. */
function writeFilterTransform(code: Code, { cin, cout }: WinogradGeometry, filter: Local, transformed: Local): void {
  const size = cin * cout
  const [from, to] = [code.i32(get(filter)), code.i32(get(transformed))]
  const half = Array.from({ length: 4 }, () => Array.from({ length: 3 }, () => code.v128()))
  const [sum, difference] = [code.v128(), code.v128()]
  code.repeat(size / 4, () => {
    for (let j = 0; j < 3; j++) {
      const g = (i: number) => load(from, 4 * (3 * i + j) * size)
      code.set(sum, mul(add(g(0), g(2)), splat(0.5)))
      code.set(difference, mul(g(1), splat(0.5)))
      code.set(half[0]![j]!, g(0))
      code.set(half[1]![j]!, add(get(sum), get(difference)))
      code.set(half[2]![j]!, sub(get(sum), get(difference)))
      code.set(half[3]![j]!, g(2))
    }
    half.forEach(([g0, g1, g2], i) => {
      code.set(sum, mul(add(get(g0!), get(g2!)), splat(0.5)))
      code.set(difference, mul(get(g1!), splat(0.5)))
      const row = [get(g0!), add(get(sum), get(difference)), sub(get(sum), get(difference)), get(g2!)]
      for (let j = 0; j < 4; j++) code.store(to, 4 * (4 * i + j) * size, row[j]!)
    })
    code.advance(from, 16)
    code.advance(to, 16)
  })
}

/** For each of the 16 places in a tile, [tiles, cin] times [cin, cout]. */
function writeProducts(
  code: Code,
  { cin, cout }: WinogradGeometry,
  t: Tiling,
  tiles: number,
  inputs: Local,
  filters: Local,
  products: Local,
): void {
  const [a, c] = [code.i32(), code.i32()]
  const [place, panel, column] = [code.i32(get(inputs)), code.i32(get(filters)), code.i32(get(products))]
  code.repeat(16, () => {
    eachPanel(code, cout, ({ height, width }) => {
      const tile = { aStep: cin, n: cout, depth: cin, width, start: () => zeros }
      code.set(a, get(place))
      code.set(c, get(column))
      code.repeat(Math.floor(tiles / height), () => writeTile(code, { ...tile, height }, a, panel, c))
      if (tiles % height > 0) writeTile(code, { ...tile, height: tiles % height }, a, panel, c)
      code.advance(panel, 16 * width)
      code.advance(column, 16 * width)
    })
    code.advance(place, 4 * t.tiles * cin)
    code.advance(panel, 4 * (cin - 1) * cout)
    code.advance(column, 4 * (t.tiles - 1) * cout)
  })
}

/** A^T m A of the rows' tiles, plus the bias, to the image at `out`, which moves on to the rows after them. */
function writeOutputTransform(
  code: Code,
  { ow, cout }: WinogradGeometry,
  t: Tiling,
  rows: number,
  oddRow: boolean,
  products: Local,
  bias: Local | undefined,
  out: Local,
): void {
  const [rowFrom, from, to, channel] = [code.i32(get(products)), code.i32(), code.i32(), code.i32()]
  const half = Array.from({ length: 2 }, () => Array.from({ length: 4 }, () => code.v128()))
  const [m0, m1, m2, m3, offset] = [code.v128(), code.v128(), code.v128(), code.v128(), code.v128()]
  const shifted = (value: number[]): number[] => (bias ? [...add(value, get(offset))] : value)

  const tile = (height: number, width: number): void => {
    for (let j = 0; j < 4; j++) {
      const m = (i: number) => load(from, 4 * (4 * i + j) * t.tiles * cout)
      code.set(m1, m(1))
      code.set(m2, m(2))
      code.set(m0, m(0))
      code.set(half[0]![j]!, add(get(m0), add(get(m1), get(m2))))
      if (height === 2) {
        code.set(m3, m(3))
        code.set(half[1]![j]!, sub(sub(get(m1), get(m2)), get(m3)))
      }
    }
    for (let i = 0; i < height; i++) {
      const [h0, h1, h2, h3] = half[i]!.map(get) as [number[], number[], number[], number[]]
      code.store(to, 4 * i * ow * cout, shifted([...add(h0, add(h1, h2))]))
      if (width === 2) code.store(to, 4 * (i * ow + 1) * cout, shifted([...sub(sub(h1, h2), h3)]))
    }
    code.advance(from, 4 * cout)
    code.advance(to, 4 * width * cout)
  }
  const row = (height: number): void => {
    code.set(channel, constant(0))
    code.repeat(cout / 4, () => {
      code.set(from, plus(get(rowFrom), get(channel)))
      code.set(to, plus(get(out), get(channel)))
      if (bias) {
        code.set(to, plus(get(bias), get(channel)))
        code.set(offset, load(to, 0))
        code.set(to, plus(get(out), get(channel)))
      }
      code.repeat(Math.floor(ow / 2), () => tile(height, 2))
      if (ow % 2 === 1) tile(height, 1)
      code.advance(channel, 16)
    })
    code.advance(rowFrom, 4 * t.columns * cout)
    code.advance(out, 4 * height * ow * cout)
  }
  code.repeat(oddRow ? rows - 1 : rows, () => row(2))
  if (oddRow) row(1)
}
