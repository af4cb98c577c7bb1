/**
 * Float64 convolution (cross-correlation, as ONNX has it) and its adjoint, one group at a time, in tight typed-array loops.
 * Any spatial rank up to 3; smaller ranks are seen as rank 3 with leading axes of size 1.
 * @module
 */
import { sizeOf } from './dims.ts'
import { flipKernel } from './flip-kernel.ts'
import type { WindowGeometry } from './windows.ts'

interface Volume {
  readonly size: readonly [number, number, number]
  readonly kernel: readonly [number, number, number]
  readonly strides: readonly [number, number, number]
  readonly dilations: readonly [number, number, number]
  readonly begin: readonly [number, number, number]
  readonly output: readonly [number, number, number]
  /** Padded so that every window lies inside. */
  readonly padded: readonly [number, number, number]
}

type Triple = readonly [number, number, number]

function volume(geometry: WindowGeometry): Volume {
  const lift = (list: readonly number[], fill: number) =>
    [...new Array<number>(3 - list.length).fill(fill), ...list] as unknown as Triple
  const [size, kernel, strides, dilations, begin, output] = [
    lift(geometry.spatial, 1),
    lift(geometry.kernel, 1),
    lift(geometry.strides, 1),
    lift(geometry.dilations, 1),
    lift(geometry.padsBegin, 0),
    lift(geometry.output, 1),
  ]
  const padded = size.map((n, axis) =>
    Math.max(n + begin[axis], (output[axis] - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1),
  ) as unknown as Triple
  return { size, kernel, strides, dilations, begin, output, padded }
}

/** Position of every kernel tap inside a padded map, for all channels of a group. */
function tapOffsets(v: Volume, channels: number): Int32Array {
  const [, height, width] = v.padded
  const [k0, k1, k2] = v.kernel
  const offsets = new Int32Array(channels * k0 * k1 * k2)
  const map = v.padded[0] * height * width
  let t = 0
  for (let c = 0; c < channels; c++)
    for (let z = 0; z < k0; z++)
      for (let y = 0; y < k1; y++)
        for (let x = 0; x < k2; x++)
          offsets[t++] = c * map + (z * v.dilations[0] * height + y * v.dilations[1]) * width + x * v.dilations[2]
  return offsets
}

/** Copies `channels` maps into (or, for the adjoint, out of) padded maps. Negative begin pads crop. */
function copyPadded(
  v: Volume,
  channels: number,
  map: Float64Array,
  at: number,
  padded: Float64Array,
  out: boolean,
): void {
  const [depth, height, width] = v.size
  const [paddedDepth, paddedHeight, paddedWidth] = v.padded
  const [b0, b1, b2] = v.begin
  const first = Math.max(0, -b2)
  const last = Math.min(width, paddedWidth - b2)
  for (let c = 0; c < channels; c++)
    for (let z = 0; z < depth; z++) {
      if (z + b0 < 0 || z + b0 >= paddedDepth) continue
      for (let y = 0; y < height; y++) {
        if (y + b1 < 0 || y + b1 >= paddedHeight) continue
        const from = at + ((c * depth + z) * height + y) * width
        const to = ((c * paddedDepth + z + b0) * paddedHeight + y + b1) * paddedWidth + b2
        if (out) for (let x = first; x < last; x++) map[from + x] = padded[to + x]
        else for (let x = first; x < last; x++) padded[to + x] = map[from + x]
      }
    }
}

/**
 * y[n, o] = sum over c, taps of w[o, c, tap] x[n, c, window], group by group.
 * @param x `[batch, groups * inputs, ...spatial]`
 * @param w `[groups * outputs, inputs, ...kernel]`
 * @returns `[batch, groups * outputs, ...output]`
 */
export function correlate(
  x: Float64Array,
  w: Float64Array,
  batch: number,
  groups: number,
  inputs: number,
  outputs: number,
  geometry: WindowGeometry,
): Float64Array<ArrayBuffer> {
  const v = volume(geometry)
  const inSize = sizeOf(v.size)
  const outSize = sizeOf(v.output)
  const [, height, width] = v.padded
  const [s0, s1, s2] = v.strides
  const [o0, o1, o2] = v.output
  const offsets = tapOffsets(v, inputs)
  const taps = offsets.length
  const padded = new Float64Array(inputs * sizeOf(v.padded))
  const result = new Float64Array(batch * groups * outputs * outSize)
  // Four output channels side by side, zeros beyond the last: two columns of four sums stay in registers.
  const blocks = Math.ceil(outputs / 4)
  const packed = new Float64Array(groups * blocks * taps * 4)
  for (let g = 0; g < groups; g++)
    for (let o = 0; o < outputs; o++)
      for (let t = 0; t < taps; t++)
        packed[((g * blocks + (o >> 2)) * taps + t) * 4 + (o & 3)] = w[(g * outputs + o) * taps + t]

  for (let n = 0; n < batch; n++)
    for (let g = 0; g < groups; g++) {
      copyPadded(v, inputs, x, (n * groups + g) * inputs * inSize, padded, false)
      for (let block = 0; block < blocks; block++) {
        const wAt = (g * blocks + block) * taps * 4
        const used = Math.min(4, outputs - block * 4)
        const outAt = ((n * groups + g) * outputs + block * 4) * outSize
        let position = outAt
        for (let z = 0; z < o0; z++)
          for (let y = 0; y < o1; y++) {
            const row = (z * s0 * height + y * s1) * width
            for (let i = 0; i < o2; i += 2) {
              const p = row + i * s2
              // The last column alone reads itself twice.
              const q = i + 1 < o2 ? p + s2 : p
              let a0 = 0
              let a1 = 0
              let a2 = 0
              let a3 = 0
              let b0 = 0
              let b1 = 0
              let b2 = 0
              let b3 = 0
              for (let t = 0, k = wAt; t < taps; t++, k += 4) {
                const offset = offsets[t]
                const xa = padded[p + offset]
                const xb = padded[q + offset]
                const w0 = packed[k]
                const w1 = packed[k + 1]
                const w2 = packed[k + 2]
                const w3 = packed[k + 3]
                a0 += w0 * xa
                a1 += w1 * xa
                a2 += w2 * xa
                a3 += w3 * xa
                b0 += w0 * xb
                b1 += w1 * xb
                b2 += w2 * xb
                b3 += w3 * xb
              }
              const two = i + 1 < o2
              result[position] = a0
              if (two) result[position + 1] = b0
              if (used > 1) {
                result[position + outSize] = a1
                if (two) result[position + outSize + 1] = b1
              }
              if (used > 2) {
                result[position + 2 * outSize] = a2
                if (two) result[position + 2 * outSize + 1] = b2
              }
              if (used > 3) {
                result[position + 3 * outSize] = a3
                if (two) result[position + 3 * outSize + 1] = b3
              }
              position += two ? 2 : 1
            }
          }
      }
    }
  return result
}

/**
 * The adjoint of `correlate`: x[n, c] = sum over o, taps of w[o, c, tap] y[n, o, window], scattered back.
 * @param y `[batch, groups * outputs, ...output]`
 * @param w `[groups * outputs, inputs, ...kernel]`
 * @returns `[batch, groups * inputs, ...spatial]`
 */
export function correlateAdjoint(
  y: Float64Array,
  w: Float64Array,
  batch: number,
  groups: number,
  inputs: number,
  outputs: number,
  geometry: WindowGeometry,
): Float64Array<ArrayBuffer> {
  const { kernel, dilations, padsBegin, spatial, output } = geometry
  if (geometry.strides.every((stride) => stride === 1)) {
    // A convolution again, with the kernel turned around: its windows start where ours would end.
    const flipped = flipKernel(w, [groups * outputs, inputs, ...kernel], groups)
    const begin = kernel.map((k, axis) => dilations[axis] * (k - 1) - padsBegin[axis])
    return correlate(y, flipped, batch, groups, outputs, inputs, {
      ...geometry,
      spatial: output,
      output: spatial,
      padsBegin: begin,
    })
  }
  const v = volume(geometry)
  const inSize = sizeOf(v.size)
  const outSize = sizeOf(v.output)
  const [, height, width] = v.padded
  const [s0, s1, s2] = v.strides
  const [o0, o1, o2] = v.output
  const offsets = tapOffsets(v, inputs)
  const taps = offsets.length
  const padded = new Float64Array(inputs * sizeOf(v.padded))
  const result = new Float64Array(batch * groups * inputs * inSize)
  for (let n = 0; n < batch; n++)
    for (let g = 0; g < groups; g++) {
      padded.fill(0)
      for (let o = 0; o < outputs; o++) {
        const from = ((n * groups + g) * outputs + o) * outSize
        const wAt = (g * outputs + o) * taps
        for (let t = 0; t < taps; t++) {
          const weight = w[wAt + t]
          if (weight === 0) continue
          for (let z = 0; z < o0; z++)
            for (let row = 0; row < o1; row++) {
              let to = offsets[t] + (z * s0 * height + row * s1) * width
              const at = from + (z * o1 + row) * o2
              for (let i = 0; i < o2; i++, to += s2) padded[to] += weight * y[at + i]
            }
        }
      }
      copyPadded(v, inputs, result, (n * groups + g) * inputs * inSize, padded, true)
    }
  return result
}
