/**
 * Norms and projections in float64 on one sample's perturbation.
 * @module
 */
import type { RandomStream } from '../linalg/random.ts'
import type { Domain } from './domain.ts'
import type { Sample } from './sample.ts'

export type Norm = 'l2' | 'linf'

/** Divisions use at least this. */
export const TINY = 1e-12

export function norm2(v: ArrayLike<number>, offset = 0, length = v.length): number {
  let sum = 0
  for (let i = offset; i < offset + length; i++) sum += v[i]! * v[i]!
  return Math.sqrt(sum)
}

export function norm1(v: ArrayLike<number>, offset = 0, length = v.length): number {
  let sum = 0
  for (let i = offset; i < offset + length; i++) sum += Math.abs(v[i]!)
  return sum
}

export function normInf(v: ArrayLike<number>, offset = 0, length = v.length): number {
  let top = 0
  for (let i = offset; i < offset + length; i++) top = Math.max(top, Math.abs(v[i]!))
  return top
}

/**
 * Moves image + delta into the box and onto float32 numbers: writes the point and makes delta what it really is.
 * Adding, rounding and clipping commute with the order of numbers, so the point never leaves the box.
 */
export function place(sample: Sample, delta: Float64Array, points: Float32Array, offset = 0): void {
  const { image, domain } = sample
  const { low, high } = domain
  for (let i = 0; i < delta.length; i++) {
    const value = image[i]! + delta[i]!
    points[offset + i] = value < low[i]! ? low[i]! : Math.min(value, high[i]!)
    delta[i] = points[offset + i]! - image[i]!
  }
}

/** delta * min(1, radius / |delta|), or the clip to [-radius, radius]. The radius is taken 1e-6 short, so that float32 rounding stays inside. */
export function projectBall(delta: Float64Array, radius: number, norm: Norm): void {
  const inside = radius * (1 - 1e-6)
  if (norm === 'linf') {
    for (let i = 0; i < delta.length; i++) delta[i] = Math.max(-inside, Math.min(inside, delta[i]!))
    return
  }
  const length = norm2(delta)
  if (length > inside) scale(delta, inside / length)
}

export function scale(v: Float64Array, factor: number): void {
  for (let i = 0; i < v.length; i++) v[i]! *= factor
}

/** Distance to the farthest point of the box. */
export function farthest({ image, domain }: Sample, norm: Norm = 'l2'): number {
  let sum = 0
  let top = 0
  for (let i = 0; i < image.length; i++) {
    const room = Math.max(image[i]! - domain.low[i]!, domain.high[i]! - image[i]!)
    sum += room * room
    top = Math.max(top, room)
  }
  return norm === 'l2' ? Math.sqrt(sum) : top
}

/** L2 diagonal of the box. */
export function diagonal({ low, high }: Domain): number {
  let sum = 0
  for (let i = 0; i < low.length; i++) sum += (high[i]! - low[i]!) ** 2
  return Math.sqrt(sum)
}

/** Uniform direction on the unit sphere. */
export function randomDirection(size: number, random: RandomStream, into = new Float64Array(size)): Float64Array {
  for (let i = 0; i < size; i++) into[i] = random.normal()
  scale(into, 1 / Math.max(norm2(into), TINY))
  return into
}

/**
 * Uniform in the ball: for L2 the first n coordinates of a uniform point on the sphere in n + 2 dimensions
 * (Voelker, Gosmann, Stewart 2017), exact and without rejection.
 */
export function randomInBall(size: number, radius: number, norm: Norm, random: RandomStream): Float64Array {
  if (norm === 'linf') return Float64Array.from({ length: size }, () => radius * (2 * random.uniform() - 1))
  const direction = randomDirection(size + 2, random).slice(0, size)
  scale(direction, radius)
  return direction
}

/**
 * The steepest ascent step of unit length: sign(g) for L-infinity, g / |g| for L2. Returns false (and leaves zeros) where the gradient
 * vanishes or is not finite.
 */
export function steepest(gradient: Float32Array, offset: number, norm: Norm, into: Float64Array): boolean {
  const size = into.length
  if (norm === 'linf') {
    let any = false
    for (let i = 0; i < size; i++) {
      into[i] = Math.sign(gradient[offset + i]!)
      if (into[i] !== 0) any = true
    }
    return any
  }
  const length = norm2(gradient, offset, size)
  if (!(length > TINY) || !Number.isFinite(length)) {
    into.fill(0)
    return false
  }
  for (let i = 0; i < size; i++) into[i] = gradient[offset + i]! / length
  return true
}

/**
 * Nearest point (L2) to `from` in the box that lies on the hyperplane <w, z> = b: z(t) = clip(from - t w), with t found by
 * safeguarded Newton on the monotone piecewise linear <w, z(t)>; the box corner nearest to the plane when they do not meet.
 */
export function projectOntoPlane(
  from: ArrayLike<number>,
  w: ArrayLike<number>,
  b: number,
  { low, high }: Pick<Domain, 'low' | 'high'>,
  into: Float64Array,
): void {
  const size = into.length
  const at = (t: number): { value: number; slope: number } => {
    let value = 0
    let slope = 0
    for (let i = 0; i < size; i++) {
      const z = from[i]! - t * w[i]!
      if (z <= low[i]!) value += w[i]! * low[i]!
      else if (z >= high[i]!) value += w[i]! * high[i]!
      else {
        value += w[i]! * z
        slope += w[i]! * w[i]!
      }
    }
    return { value, slope }
  }
  // <w, z(t)> falls with t.
  let left = -Infinity
  let right = Infinity
  let t = 0
  for (let k = 0; k < 60; k++) {
    const { value, slope } = at(t)
    const gap = value - b
    if (Math.abs(gap) <= 1e-13 * (1 + Math.abs(b))) break
    if (gap > 0) left = t
    else right = t
    let next = slope > 0 ? t + gap / slope : Number.NaN
    if (!(next > left && next < right)) {
      if (left === -Infinity) next = right > 0 ? -1 : 2 * right - 1
      else if (right === Infinity) next = left < 0 ? 1 : 2 * left + 1
      else next = (left + right) / 2
    }
    if (next === t || !Number.isFinite(next)) break
    t = next
  }
  for (let i = 0; i < size; i++) {
    const z = from[i]! - t * w[i]!
    into[i] = z < low[i]! ? low[i]! : Math.min(z, high[i]!)
  }
}
