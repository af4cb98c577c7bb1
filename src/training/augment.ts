import type { RandomStream } from '../linalg/random.ts'

/** Random changes to images, in the order in which they are applied. */
export interface Augmentation {
  /** Window of at least this share of each side at a random place, stretched back to the whole (bilinear). In (0, 1]. */
  readonly crop?: number
  /** Mirrored with probability one half (each way on its own for 'both'). */
  readonly flip?: 'horizontal' | 'vertical' | 'both'
  /** Moved by up to so many pixels each way; what comes in is zero, the nearest edge pixel, or the mirror image. */
  readonly shift?: number
  readonly fill?: 'zero' | 'edge' | 'reflect'
}

/**
 * One changed sample, written to `out`. What is drawn depends on the stream alone, which the loop keys by (seed, epoch, sample):
 * results do not depend on the order of samples or the batch size.
 *
 * @param dims `[channels, height, width]`
 */
export function augment(
  image: Float32Array,
  dims: readonly number[],
  { crop = 1, flip, shift = 0, fill = 'zero' }: Augmentation,
  stream: RandomStream,
  out: Float32Array,
): void {
  const [channels, height, width] = dims as readonly [number, number, number]
  const scale = 1 - (1 - crop) * stream.uniform()
  const top = (1 - scale) * (height - 1) * stream.uniform()
  const left = (1 - scale) * (width - 1) * stream.uniform()
  const across = stream.uniform() < 0.5 && (flip === 'horizontal' || flip === 'both')
  const down = stream.uniform() < 0.5 && (flip === 'vertical' || flip === 'both')
  const moveY = stream.integer(2 * shift + 1) - shift
  const moveX = stream.integer(2 * shift + 1) - shift

  const rows = sources(height, moveY, down, fill, scale, top)
  const columns = sources(width, moveX, across, fill, scale, left)
  for (let c = 0; c < channels; c++) {
    const plane = image.subarray(c * height * width, (c + 1) * height * width)
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const at = (c * height + y) * width + x
        out[at] = bilinear(plane, height, width, rows[y]!, columns[x]!)
      }
    }
  }
}

/** For each place along one axis, where in the sample it comes from; NaN = from outside. */
function sources(
  size: number,
  move: number,
  mirrored: boolean,
  fill: 'zero' | 'edge' | 'reflect',
  scale: number,
  start: number,
): Float64Array {
  return Float64Array.from({ length: size }, (_, place) => {
    let from = place - move
    if (from < 0 || from >= size) {
      if (fill === 'zero') return Number.NaN
      if (fill === 'edge') from = from < 0 ? 0 : size - 1
      else from = Math.min(size - 1, Math.max(0, from < 0 ? -from : 2 * (size - 1) - from))
    }
    return start + scale * (mirrored ? size - 1 - from : from)
  })
}

function bilinear(plane: Float32Array, height: number, width: number, y: number, x: number): number {
  if (Number.isNaN(y) || Number.isNaN(x)) return 0
  const y0 = Math.floor(y)
  const x0 = Math.floor(x)
  const fy = y - y0
  const fx = x - x0
  if (fy === 0 && fx === 0) return plane[y0 * width + x0]!
  const y1 = Math.min(height - 1, y0 + 1)
  const x1 = Math.min(width - 1, x0 + 1)
  const upper = plane[y0 * width + x0]! * (1 - fx) + plane[y0 * width + x1]! * fx
  const lower = plane[y1 * width + x0]! * (1 - fx) + plane[y1 * width + x1]! * fx
  return upper * (1 - fy) + lower * fy
}
