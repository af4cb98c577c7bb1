import {
  assemble,
  type Code,
  constant,
  type Expression,
  get,
  type Local,
  load,
  plus,
  zeros,
} from '../../webassembly/assemble.ts'
import { add, loadSplat, mul, splat, sub } from '../../webassembly/float32x4.ts'
import { writePadding, writeZeros } from './pad-image.ts'
import { registerSimdKernel } from './simd-kernel.ts'
import { widest } from './widest.ts'
import { eachBlock, type Tiling, tilingOf, type WinogradGeometry, writeInputTransform } from './winograd.ts'

/** Attributes: `WinogradGeometry`. Inputs: dy [b, oh, ow, cout], x [b, h, w, cin]; result [3, 3, cin, cout]. */
export const WINOGRAD_FILTER_GRADIENT = 'LipWinogradFilterGradient'

registerSimdKernel({
  name: WINOGRAD_FILTER_GRADIENT,
  plan: ([dy], attributes) => {
    const g = attributes as unknown as WinogradGeometry
    return {
      shape: [3, 3, g.cin, g.cout],
      simd: {
        key: JSON.stringify(g),
        scratch: placesOf(g).floats,
        counts: [dy![0]!],
        write: () => writeFilterGradient(g),
      },
    }
  },
})

/** Offsets in bytes in the scratch memory, and its size. */
function placesOf(g: WinogradGeometry) {
  const t = tilingOf(g)
  const padded = t.height * t.width * g.cin
  const inputs = 16 * t.tiles * g.cin
  const cotangents = 16 * t.tiles * g.cout
  const sums = 16 * g.cin * g.cout
  return {
    inputs: 4 * padded,
    cotangents: 4 * (padded + inputs),
    sums: 4 * (padded + inputs + cotangents),
    floats: padded + inputs + cotangents + sums,
  }
}

/**
 * The transpose of g -> A^T [(G g G^T) (B^T d B)] A, entry by entry in the brackets: G^T [sum over tiles of (A dy A^T) (B^T d B)] G.
 */
function writeFilterGradient(g: WinogradGeometry): Uint8Array {
  return assemble(5, (code, out, cotangent, image, scratch, images) => {
    const t = tilingOf(g)
    const places = placesOf(g)
    const at = (offset: number): Local => code.i32(plus(get(scratch), constant(offset)))
    const [inputs, cotangents, sums] = [at(places.inputs), at(places.cotangents), at(places.sums)]
    writeZeros(code, scratch, t.height * t.width * g.cin)
    writeZeros(code, sums, 16 * g.cin * g.cout)
    const padded = code.i32()
    code.repeat(images, () => {
      writePadding(code, { ...g, ...t }, image, scratch)
      code.set(padded, get(scratch))
      eachBlock(code, g, t, (rows, oddRow) => {
        writeInputTransform(code, g, t, rows, padded, inputs)
        writeCotangentTransform(code, g, t, rows, oddRow, cotangent, cotangents)
        writeSums(code, g, t, rows * t.columns, inputs, cotangents, sums)
      })
    })
    writeGradient(code, g, sums, out)
  })
}

/**
 * A dy A^T of the rows' tiles, to [16, tiles, cout], but for the sign of the last row and column of a tile, which `writeGradient`
 * gives back; `dy` moves on to the rows after them. Beyond odd sizes dy is zero.
 */
function writeCotangentTransform(
  code: Code,
  { ow, cout }: WinogradGeometry,
  t: Tiling,
  rows: number,
  oddRow: boolean,
  dy: Local,
  transformed: Local,
): void {
  const [rowTo, from, to, channel] = [code.i32(get(transformed)), code.i32(), code.i32(), code.i32()]
  const half = Array.from({ length: 4 }, () => Array.from({ length: 2 }, () => code.v128()))
  // (1, 0), (1, 1), (1, -1), (0, 1) times (first, second), where a second may be missing.
  const four = (first: Expression, second: Expression | undefined): Expression[] =>
    second ? [first, add(first, second), sub(first, second), second] : [first, first, first, zeros]

  const tile = (height: number, width: number): void => {
    for (let j = 0; j < width; j++) {
      const y = (i: number) => load(from, 4 * (i * ow + j) * cout)
      four(y(0), height === 2 ? y(1) : undefined).forEach((value, i) => {
        code.set(half[i]![j]!, value)
      })
    }
    half.forEach(([first, second], i) => {
      four(get(first!), width === 2 ? get(second!) : undefined).forEach((value, j) => {
        code.store(to, 4 * (4 * i + j) * t.tiles * cout, value)
      })
    })
    code.advance(from, 4 * width * cout)
    code.advance(to, 4 * cout)
  }
  const row = (height: number): void => {
    code.set(channel, constant(0))
    code.repeat(cout / 4, () => {
      code.set(from, plus(get(dy), get(channel)))
      code.set(to, plus(get(rowTo), get(channel)))
      code.repeat(Math.floor(ow / 2), () => tile(height, 2))
      if (ow % 2 === 1) tile(height, 1)
      code.advance(channel, 16)
    })
    code.advance(rowTo, 4 * t.columns * cout)
    code.advance(dy, 4 * height * ow * cout)
  }
  code.repeat(oddRow ? rows - 1 : rows, () => row(2))
  if (oddRow) row(1)
}

/** For each of the 16 places in a tile, [tiles, cin]^T times [tiles, cout], added to [16, cin, cout]. */
function writeSums(
  code: Code,
  { cin, cout }: WinogradGeometry,
  t: Tiling,
  tiles: number,
  inputs: Local,
  cotangents: Local,
  sums: Local,
): void {
  const vectors = widest(cout / 4, 2)
  const [a, b, c] = [code.i32(), code.i32(), code.i32(get(sums))]
  const [aColumn, bColumn, bRow] = [code.i32(get(inputs)), code.i32(), code.i32(get(cotangents))]
  const totals = Array.from({ length: 4 * vectors }, () => code.v128())
  const factors = Array.from({ length: vectors }, () => code.v128())
  const input = code.v128()
  code.repeat(16, () => {
    code.repeat(cin / 4, () => {
      code.set(bColumn, get(bRow))
      code.repeat(cout / 4 / vectors, () => {
        code.set(a, get(aColumn))
        code.set(b, get(bColumn))
        for (const total of totals) code.set(total, zeros)
        code.repeat(tiles, () => {
          factors.forEach((factor, v) => {
            code.set(factor, load(b, 16 * v))
          })
          for (let i = 0; i < 4; i++) {
            code.set(input, loadSplat(a, 4 * i))
            factors.forEach((factor, v) => {
              const total = totals[i * vectors + v]!
              code.set(total, add(get(total), mul(get(input), get(factor))))
            })
          }
          code.advance(a, 4 * cin)
          code.advance(b, 4 * cout)
        })
        totals.forEach((total, index) => {
          const offset = 4 * Math.floor(index / vectors) * cout + 16 * (index % vectors)
          code.store(c, offset, add(load(c, offset), get(total)))
        })
        code.advance(bColumn, 16 * vectors)
        code.advance(c, 16 * vectors)
      })
      code.advance(c, 12 * cout)
      code.advance(aColumn, 16)
    })
    code.advance(aColumn, 4 * (t.tiles - 1) * cin)
    code.advance(bRow, 4 * t.tiles * cout)
  })
}

/** G^T sums G, to [3, 3, cin, cout]. */
function writeGradient(code: Code, { cin, cout }: WinogradGeometry, sums: Local, out: Local): void {
  const size = cin * cout
  const from = code.i32(get(sums))
  const half = Array.from({ length: 3 }, () => Array.from({ length: 4 }, () => code.v128()))
  const [sum, difference] = [code.v128(), code.v128()]
  const three = (s: (i: number) => Expression): Expression[] => {
    code.set(sum, mul(add(s(1), s(2)), splat(0.5)))
    code.set(difference, mul(sub(s(1), s(2)), splat(0.5)))
    // The last one's sign: see `writeCotangentTransform`.
    return [add(s(0), get(sum)), get(difference), sub(get(sum), s(3))]
  }
  code.repeat(size / 4, () => {
    for (let j = 0; j < 4; j++) {
      three((i) => load(from, 4 * (4 * i + j) * size)).forEach((value, i) => {
        code.set(half[i]![j]!, value)
      })
    }
    half.forEach((row, i) => {
      three((j) => get(row[j]!)).forEach((value, j) => {
        code.store(out, 4 * (3 * i + j) * size, value)
      })
    })
    code.advance(from, 16)
    code.advance(out, 16)
  })
}
