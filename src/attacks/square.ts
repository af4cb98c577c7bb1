import type { RandomStream } from '../linalg/random.ts'
import { margin } from './criterion.ts'
import { epsilonAttack } from './epsilon-search.ts'
import { norm2, place, projectBall, TINY } from './projection.ts'
import { logitsQuery, type Task } from './query.ts'
import type { Sample } from './sample.ts'

const DEFAULTS = {
  queries: 5000,
  initialShare: 0.8,
  /** Stretch the published schedule (made for 10,000 queries) over the queries given. */
  rescale: false,
}

type SquareParameters = typeof DEFAULTS

/** Queries after which the share of changed pixels is halved (arXiv 1912.00049, for 10,000 queries). */
const HALVINGS = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000]

/** Share of the pixels that query `k` changes. */
export function shareAt(k: number, { queries, initialShare, rescale }: SquareParameters): number {
  const at = rescale ? Math.trunc((k / queries) * 10000) : k
  return initialShare / 2 ** HALVINGS.filter((halving) => at > halving).length
}

/** Planes of a sample: channels of height x width pixels; a sample without two spatial axes is one row. */
interface Geometry {
  readonly channels: number
  readonly height: number
  readonly width: number
}

function geometryOf({ domain }: Sample): Geometry {
  const { dims, size } = domain
  if (dims.length === 3 && dims[1]! >= 3 && dims[2]! >= 3) {
    return { channels: dims[0]!, height: dims[1]!, width: dims[2]! }
  }
  return { channels: 1, height: 1, width: size }
}

/** Offsets inside one plane, and the value of the bump at each. */
interface Window {
  readonly pixels: Int32Array
  readonly values: Float64Array
}

/** Square attack (arXiv 1912.00049): random search over square windows. Sees logits only. */
export const SquareLinf = epsilonAttack({
  name: 'square-linf',
  norm: 'linf',
  access: 'logits',
  defaults: DEFAULTS,
  attempt: (sample, epsilon, parameters, trial) => search(sample, epsilon, parameters, trial, linf),
})

export const Square = epsilonAttack({
  name: 'square',
  norm: 'l2',
  access: 'logits',
  defaults: DEFAULTS,
  attempt: (sample, epsilon, parameters, trial) => search(sample, epsilon, parameters, trial, l2),
})

interface Proposals {
  initial(delta: Float64Array, epsilon: number, geometry: Geometry, random: RandomStream): void
  propose(delta: Float64Array, epsilon: number, share: number, geometry: Geometry, random: RandomStream): void
}

function* search(
  sample: Sample,
  epsilon: number,
  parameters: SquareParameters,
  trial: number,
  { initial, propose }: Proposals,
): Task<boolean> {
  const { domain, criterion } = sample
  const query = logitsQuery(domain.size, domain.classes)
  const geometry = geometryOf(sample)
  const best = new Float64Array(domain.size)
  const next = new Float64Array(domain.size)
  initial(best, epsilon, geometry, sample.random(3000, trial))
  let lowest = Infinity
  for (let k = 0; k < parameters.queries; k++) {
    next.set(best)
    if (k > 0) propose(next, epsilon, shareAt(k, parameters), geometry, sample.random(3000, trial, k))
    place(sample, next, query.points)
    yield query
    if (sample.observe(query.points, 0, query.logits, 0) < 0) return true
    const m = margin(criterion, query.logits, 0, domain.classes)
    if (m < lowest) {
      lowest = m
      best.set(next)
    }
  }
  return false
}

const linf: Proposals = {
  initial(delta, epsilon, { channels, height, width }, random) {
    for (let c = 0; c < channels; c++) {
      for (let x = 0; x < width; x++) {
        const value = epsilon * (1 - 1e-6) * sign(random)
        for (let y = 0; y < height; y++) delta[(c * height + y) * width + x] = value
      }
    }
  },
  propose(delta, epsilon, share, geometry, random) {
    const plane = geometry.height * geometry.width
    const { pixels } = squareWindow(geometry, Math.max(Math.round(Math.sqrt(share * plane)), 1), random)
    for (let c = 0; c < geometry.channels; c++) {
      const step = 2 * epsilon * sign(random)
      for (const pixel of pixels) delta[c * plane + pixel]! += step
    }
    projectBall(delta, epsilon, 'linf')
  },
}

const l2: Proposals = {
  initial(delta, epsilon, geometry, random) {
    const plane = geometry.height * geometry.width
    const side = Math.max(1, Math.trunc(Math.min(geometry.height, geometry.width) / 5))
    if (geometry.height === 1) for (let i = 0; i < delta.length; i++) delta[i] = sign(random)
    else {
      for (let y = 0; y + side <= geometry.height; y += side) {
        for (let x = 0; x + side <= geometry.width; x += side) {
          const bump = bumps(side, random)
          for (let c = 0; c < geometry.channels; c++) {
            const s = sign(random)
            for (let i = 0; i < side * side; i++) {
              const pixel = (y + Math.trunc(i / side)) * geometry.width + x + (i % side)
              delta[c * plane + pixel] = s * bump[i]!
            }
          }
        }
      }
    }
    rescaleTo(delta, epsilon)
  },
  propose(delta, epsilon, share, geometry, random) {
    const { channels } = geometry
    const plane = geometry.height * geometry.width
    const side = Math.max(Math.round(Math.sqrt(share * plane)), 3) | 1
    const target = squareWindow(geometry, side, random)
    const donor = squareWindow(geometry, side, random)
    const spare = Math.max(epsilon ** 2 - norm2(delta) ** 2, 0) / channels
    for (let c = 0; c < channels; c++) {
      const at = (pixel: number) => c * plane + pixel
      const union = new Set([...target.pixels, ...donor.pixels])
      let energy = spare
      for (const pixel of union) energy += delta[at(pixel)]! ** 2
      const old = Math.sqrt(target.pixels.reduce((sum, pixel) => sum + delta[at(pixel)]! ** 2, 0))
      const s = sign(random)
      const fresh = target.values.map((value, i) => s * value + delta[at(target.pixels[i]!)]! / (old + TINY))
      const length = norm2(fresh) + TINY
      for (const pixel of donor.pixels) delta[at(pixel)] = 0
      for (const [i, pixel] of target.pixels.entries()) delta[at(pixel)] = (fresh[i]! / length) * Math.sqrt(energy)
    }
    rescaleTo(delta, epsilon)
  },
}

function sign(random: RandomStream): 1 | -1 {
  return random.uniform() < 0.5 ? -1 : 1
}

function rescaleTo(delta: Float64Array, epsilon: number): void {
  const length = norm2(delta)
  if (length > 0) for (let i = 0; i < delta.length; i++) delta[i]! *= (epsilon * (1 - 1e-6)) / length
}

/** A square of the given side at a random place; on a row of values a random block of side^2 of them. */
function squareWindow({ height, width }: Geometry, side: number, random: RandomStream): Window {
  if (height === 1) {
    const length = Math.min(width, side * side)
    const start = random.integer(width)
    const pixels = Int32Array.from({ length }, (_, i) => (start + i) % width)
    return { pixels, values: new Float64Array(length).map(() => sign(random) / Math.sqrt(length)) }
  }
  const most = Math.min(height, width)
  const s = Math.min(side, most % 2 === 1 ? most : most - 1)
  const y = random.integer(height - s + 1)
  const x = random.integer(width - s + 1)
  const pixels = Int32Array.from({ length: s * s }, (_, i) => (y + Math.trunc(i / s)) * width + x + (i % s))
  return { pixels, values: bumps(s, random) }
}

/** Two opposite bumps side by side, L2 length 1, in one of two orientations. */
function bumps(side: number, random: RandomStream): Float64Array {
  const half = Math.trunc(side / 2)
  const values = new Float64Array(side * side)
  if (half > 0) values.set(bump(half, side))
  values.set(
    bump(side - half, side).map((value) => -value),
    half * side,
  )
  const length = norm2(values)
  const transpose = random.uniform() < 0.5
  return values.map((_, i) => {
    const y = Math.trunc(i / side)
    const x = i % side
    return values[transpose ? x * side + y : i]! / length
  })
}

/** Sum of 1/(k+1)^2 over growing centred rectangles, L2 length 1. */
function bump(rows: number, columns: number): Float64Array {
  const values = new Float64Array(rows * columns)
  let top = Math.trunc(rows / 2)
  let left = Math.trunc(columns / 2)
  for (let k = 0; k < Math.max(Math.trunc(rows / 2), Math.trunc(columns / 2)) + 1; k++, top--, left--) {
    for (let y = Math.max(top, 0); y < Math.min(top + 2 * k + 1, rows); y++) {
      for (let x = Math.max(left, 0); x < Math.min(left + 2 * k + 1, columns); x++) {
        values[y * columns + x]! += 1 / (k + 1) ** 2
      }
    }
  }
  const length = norm2(values)
  return values.map((value) => value / length)
}
