import { LipError } from '../errors.ts'

/** One bound for all elements, or one a channel (axis 0 of a sample). */
export type Bound = number | readonly number[]

/** The interval that model inputs live in, [0, 1] by default, in the model's own input units. */
export interface Box {
  readonly low: Bound
  readonly high: Bound
}

/** The set that adversarials must stay in: one interval an element, as float32 numbers. */
export interface Domain {
  /** One sample's dims, channels first. */
  readonly dims: readonly number[]
  readonly size: number
  readonly classes: number
  readonly low: Float32Array
  readonly high: Float32Array
}

/**
 * Spreads a box over the elements of a sample. Bounds that are no float32 numbers are rounded inwards.
 * @throws LipError USAGE when the box is empty, not finite or has the wrong number of channels
 */
export function createDomain(dims: readonly number[], classes: number, box: Box = { low: 0, high: 1 }): Domain {
  const size = dims.reduce((a, b) => a * b, 1)
  const low = spread(box.low, dims, size, inwardLow)
  const high = spread(box.high, dims, size, inwardHigh)
  for (let i = 0; i < size; i++) {
    if (!(low[i]! <= high[i]!) || !Number.isFinite(low[i]!) || !Number.isFinite(high[i]!)) {
      throw new LipError(
        'USAGE',
        `The input range [${String(box.low)}, ${String(box.high)}] is empty or not finite (element ${i}).`,
        { hint: 'Give the range that the model was trained on, such as 0,1.' },
      )
    }
  }
  return { dims, size, classes, low, high }
}

function spread(bound: Bound, dims: readonly number[], size: number, round: (value: number) => number): Float32Array {
  if (typeof bound === 'number') return new Float32Array(size).fill(round(bound))
  if (bound.length !== dims[0]) {
    throw new LipError('USAGE', `The input range has ${bound.length} channels where the model has ${dims[0] ?? 0}.`)
  }
  const plane = size / bound.length
  return Float32Array.from({ length: size }, (_, i) => round(bound[Math.floor(i / plane)]!))
}

function inwardLow(value: number): number {
  const near = Math.fround(value)
  return near < value ? neighbour(near, 1) : near
}

function inwardHigh(value: number): number {
  const near = Math.fround(value)
  return near > value ? neighbour(near, -1) : near
}

const FLOAT = new Float32Array(1)
const BITS = new Int32Array(FLOAT.buffer)

/** The float32 number `ulps` places above (or below) a float32 number; zeros count as one place. */
export function neighbour(value: number, ulps: number): number {
  FLOAT[0] = value
  // Sign-magnitude bits to a monotone integer and back.
  const ordered = BITS[0]! < 0 ? -(BITS[0]! & 0x7fffffff) : BITS[0]!
  const moved = ordered + ulps
  BITS[0] = moved < 0 ? -moved | 0x80000000 : moved
  return FLOAT[0]!
}

/** @throws LipError DATA_INVALID when a sample leaves the box: distances from outside it mean nothing */
export function checkInside({ low, high, size }: Domain, image: Float32Array, index: number): void {
  if (image.length !== size) {
    throw new LipError('DATA_INVALID', `Sample ${index} has ${image.length} values where the model takes ${size}.`)
  }
  for (let i = 0; i < size; i++) {
    if (!(image[i]! >= low[i]! && image[i]! <= high[i]!)) {
      throw new LipError(
        'DATA_INVALID',
        `Sample ${index} has the value ${image[i]} outside the input range [${low[i]}, ${high[i]}].`,
        { hint: 'Pass the range that the data have, for example --input-range 0,255.' },
      )
    }
  }
}
