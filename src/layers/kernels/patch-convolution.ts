import { assemble, type Code, constant, get, type Local, load, plus, zeros } from '../../webassembly/assemble.ts'
import type { ConvGeometry } from './conv2d.ts'
import { writePadding, writeZeros } from './pad-image.ts'
import { eachPanel, WIDE, writeTile } from './product-tile.ts'
import { HAS_SIMD } from './simd-function.ts'
import { registerSimdKernel } from './simd-kernel.ts'

/** A convolution with zero padding of [h, w, cin] images to [oh, ow, cout], cout a multiple of four. */
export interface PatchGeometry {
  readonly h: number
  readonly w: number
  readonly cin: number
  readonly kh: number
  readonly kw: number
  readonly sy: number
  readonly sx: number
  readonly oh: number
  readonly ow: number
  readonly cout: number
  readonly top: number
  readonly left: number
}

/** undefined where output channels do not fill vectors. Shapes: [b, h, w, cin] and [kh, kw, cin, cout]. */
export function patchGeometry(
  [images, h, w]: readonly number[],
  [kh, kw, cin, cout]: readonly number[],
  { strides: [sy, sx], padding: { top, bottom, left, right } }: ConvGeometry,
): PatchGeometry | undefined {
  if (!HAS_SIMD || cout! % 4 !== 0) return undefined
  const outputs = (size: number, kernel: number, stride: number) => Math.floor((size - kernel) / stride) + 1
  const oh = outputs(h! + top + bottom, kh!, sy)
  const ow = outputs(w! + left + right, kw!, sx)
  const g = { h: h!, w: w!, cin: cin!, kh: kh!, kw: kw!, sy, sx, oh, ow, cout: cout!, top, left }
  const whole = Math.min(images!, h!, w!, cin!, kh!, kw!, oh, ow, cout!) > 0 && Math.min(top, bottom, left, right) >= 0
  return whole ? g : undefined
}

/** Attributes: `PatchGeometry`. Inputs: filter [kh, kw, cin, cout], x [b, h, w, cin], and a bias [cout] before them or none. */
export const PATCH_CONVOLUTION = 'LipPatchConvolution'

registerSimdKernel({
  name: PATCH_CONVOLUTION,
  plan: (shapes, attributes) => {
    const g = attributes as unknown as PatchGeometry
    const images = shapes.at(-1)![0]!
    const bias = shapes.length === 3
    return {
      shape: [images, g.oh, g.ow, g.cout],
      simd: {
        key: JSON.stringify([g, bias]),
        scratch: placesOf(g).floats,
        counts: [images],
        write: () => writeConvolution(g, bias),
      },
    }
  },
})

/** Size of the padded image, floats of a patch, offset in bytes of the patches in the scratch memory, and its size. */
function placesOf(g: PatchGeometry) {
  const height = g.sy * (g.oh - 1) + g.kh
  const width = g.sx * (g.ow - 1) + g.kw
  const depth = g.kh * g.kw * g.cin
  // Both are copied in whole vectors, of which the last may reach beyond the end.
  const padded = height * width * g.cin + 4
  return { height, width, depth, patches: 4 * padded, floats: padded + g.ow * depth + 4 }
}

/** The patches of one row of the output, [ow, kh kw cin], times the filter. */
function writeConvolution(g: PatchGeometry, withBias: boolean): Uint8Array {
  return assemble(withBias ? 6 : 5, (code, out, ...rest) => {
    const bias = withBias ? rest.shift() : undefined
    const [filter, image, scratch, images] = rest as [Local, Local, Local, Local]
    const places = placesOf(g)
    const patches = code.i32(plus(get(scratch), constant(places.patches)))
    const [row, panel, a, c, column] = [code.i32(), code.i32(), code.i32(), code.i32(), code.i32()]
    const offsets = Array.from({ length: WIDE.width }, () => code.v128())
    const start = (_: number, v: number) => (bias ? get(offsets[v]!) : zeros)
    writeZeros(code, scratch, places.height * places.width * g.cin)
    code.repeat(images, () => {
      writePadding(code, { ...g, ...places }, image, scratch)
      code.set(row, get(scratch))
      code.repeat(g.oh, () => {
        writePatches(code, g, places.width, row, patches)
        code.set(panel, get(filter))
        code.set(column, constant(0))
        eachPanel(code, g.cout, ({ height, width }) => {
          if (bias) {
            code.set(c, plus(get(bias), get(column)))
            for (let v = 0; v < width; v++) code.set(offsets[v]!, load(c, 16 * v))
          }
          code.set(a, get(patches))
          code.set(c, plus(get(out), get(column)))
          const tile = { aStep: places.depth, n: g.cout, depth: places.depth, width, start }
          code.repeat(Math.floor(g.ow / height), () => writeTile(code, { ...tile, height }, a, panel, c))
          code.repeat(g.ow % height, () => writeTile(code, { ...tile, height: 1 }, a, panel, c))
          code.advance(panel, 16 * width)
          code.advance(column, 16 * width)
        })
        code.advance(out, 4 * g.ow * g.cout)
        code.advance(row, 4 * g.sy * places.width * g.cin)
      })
    })
  })
}

/** A row of a patch is contiguous in memory. Whole vectors are copied: what is too much is overwritten by the next row. */
function writePatches(code: Code, g: PatchGeometry, width: number, row: Local, patches: Local): void {
  const [corner, from, to] = [code.i32(get(row)), code.i32(), code.i32(get(patches))]
  const floats = g.kw * g.cin
  const vectors = Math.ceil(floats / 4)
  code.repeat(g.ow, () => {
    code.set(from, get(corner))
    code.repeat(g.kh, () => {
      code.repeat(vectors, () => {
        code.store(to, 0, load(from, 0))
        code.advance(from, 16)
        code.advance(to, 16)
      })
      code.advance(from, 4 * (width * g.cin - 4 * vectors))
      code.advance(to, 4 * (floats - 4 * vectors))
    })
    code.advance(corner, 4 * g.sx * g.cin)
  })
}
