import { epsilonAttack } from './epsilon-search.ts'
import { norm2 } from './projection.ts'
import { logitsQuery } from './query.ts'
import type { Sample } from './sample.ts'

type Draw = (random: ReturnType<Sample['random']>) => number

function noise(name: string, draw: Draw) {
  return epsilonAttack({
    name,
    norm: 'l2',
    access: 'logits',
    defaults: { repeats: 100 },
    *attempt(sample, epsilon, { repeats }, trial) {
      const { domain, image } = sample
      const { size, classes, low, high } = domain
      const rows = Math.min(repeats, 10)
      const query = logitsQuery(size, classes, rows)
      const direction = new Float64Array(size)
      let success = false
      for (let start = 0; start < repeats && !success; start += rows) {
        query.rows = Math.min(rows, repeats - start)
        for (let row = 0; row < query.rows; row++) {
          const random = sample.random(trial, start + row)
          for (let i = 0; i < size; i++) direction[i] = draw(random)
          const eta = clippedLength(sample, direction, epsilon * (1 - 1e-6))
          for (let i = 0; i < size; i++) {
            const x = image[i]! + eta * direction[i]!
            query.points[row * size + i] = Math.max(low[i]!, Math.min(high[i]!, x))
          }
        }
        yield query
        for (let row = 0; row < query.rows; row++) {
          if (sample.observe(query.points, row * size, query.logits, row * classes) < 0) success = true
        }
      }
      return success
    },
  })
}

/**
 * Factor eta for which the clipped perturbation clip(x + eta d) - x has the given L2 length: sum min(eta^2 d_i^2, room_i^2) is
 * piecewise linear in eta^2, so sorting the breakpoints solves it exactly. The largest breakpoint when the box is too small.
 */
export function clippedLength({ image, domain }: Sample, direction: Float64Array, length: number): number {
  const { low, high } = domain
  const parts = Array.from(direction, (d, i) => {
    const room = d > 0 ? high[i]! - image[i]! : image[i]! - low[i]!
    return { slope: d * d, at: d === 0 ? Infinity : (room / d) ** 2, full: room * room }
  })
    .filter(({ slope }) => slope > 0)
    .sort((a, b) => a.at - b.at)
  const wanted = length * length
  let slope = norm2(direction) ** 2
  let fixed = 0
  for (const part of parts) {
    if (fixed + slope * part.at >= wanted) return Math.sqrt(Math.max(0, (wanted - fixed) / slope))
    fixed += part.full
    slope -= part.slope
  }
  return Math.sqrt(parts.at(-1)?.at ?? 0)
}

/** Repeated random directions whose clipped length is the radius: what any white-box attack must beat. */
export const GaussianNoise = noise('gaussian-noise', (random) => random.normal())
export const UniformNoise = noise('uniform-noise', (random) => 2 * random.uniform() - 1)
