import { defineAttack } from './attack.ts'
import { type AutoParameters, autoDefaults, portfolio } from './auto.ts'
import { seedMargin } from './criterion.ts'
import { neighbour } from './domain.ts'
import { gradientQuery, logitsQuery, type Task } from './query.ts'
import { distanceL2, type Sample } from './sample.ts'

const DEFAULTS = { ...autoDefaults, candidates: 64, ulps: 4, rounds: 4 }

/**
 * Looks for adversarials that exist only because of rounding (arXiv 2205.10159): around the point where the best direction leaves the
 * certified ball, and around the decision boundary, every coordinate is moved by up to a few units in the last place, down the
 * slope or at random. Any hit inside the certified radius is an alarm.
 */
export const RoundingSearch = defineAttack({
  name: 'rounding-search',
  norm: 'l2',
  access: 'gradient',
  goal: 'minimal',
  defaults: DEFAULTS,
  *run(sample, parameters) {
    const { ulps, rounds, candidates } = parameters
    const preparation: AutoParameters = { ...autoDefaults, ...parameters, candidates: autoDefaults.candidates }
    yield* portfolio(sample, preparation)
    if (sample.best.distance === Infinity) return
    const far = sample.best.point.slice()
    const radius = sample.certificate?.radius ?? 0
    for (let round = 0; round < rounds; round++) {
      // Just inside the certified ball, then just inside the best find.
      if (radius > 0) yield* jitter(sample, far, radius, candidates, ulps, round)
      yield* jitter(sample, far, sample.best.distance, candidates, ulps, rounds + round)
    }
  },
})

/** Rounds the point at `length` along the segment to `far` in many ways that stay strictly nearer than `length`. */
function* jitter(
  sample: Sample,
  far: Float32Array,
  length: number,
  candidates: number,
  ulps: number,
  key: number,
): Task {
  const { image, domain, criterion } = sample
  const { size, classes, low, high } = domain
  const slope = gradientQuery(size, classes)
  seedMargin(slope, 0, criterion, classes)
  const whole = distanceL2(image, far)
  for (let i = 0; i < size; i++) {
    const value = image[i]! + (length / whole) * (far[i]! - image[i]!)
    slope.points[i] = Math.max(low[i]!, Math.min(high[i]!, value))
  }
  yield slope
  sample.observe(slope.points, 0, slope.logits, 0)
  const rows = Math.min(candidates, 16)
  const query = logitsQuery(size, classes, rows)
  for (let start = 0; start < candidates; start += rows) {
    query.rows = Math.min(rows, candidates - start)
    for (let row = 0; row < query.rows; row++) {
      const random = sample.random(4000, key, start + row)
      const at = row * size
      for (let i = 0; i < size; i++) {
        const reach = 1 + random.integer(ulps)
        const downhill = slope.gradients[i]! > 0 ? -1 : 1
        // Half of the candidates follow the slope, half are noise.
        const way = row % 2 === 0 ? downhill : random.uniform() < 0.5 ? -1 : 1
        const moved = neighbour(slope.points[i]!, way * reach)
        query.points[at + i] = Math.max(low[i]!, Math.min(high[i]!, moved))
      }
      shorten(image, query.points, at, length)
    }
    yield query
    for (let row = 0; row < query.rows; row++) sample.observe(query.points, row * size, query.logits, row * classes)
  }
}

/** Pulls the point towards the image, coordinate by coordinate and one ulp at a time, until it is strictly nearer than `length`. */
function shorten(image: Float32Array, points: Float32Array, at: number, length: number): void {
  const size = image.length
  for (let pass = 0; pass < 8; pass++) {
    let distance = distanceL2(image, points, at)
    if (distance < length) return
    for (let i = 0; i < size && distance >= length; i++) {
      const x = points[at + i]!
      if (x === image[i]!) continue
      const nearer = neighbour(x, x > image[i]! ? -1 : 1)
      const before = (x - image[i]!) ** 2
      points[at + i] = nearer
      distance = Math.sqrt(Math.max(0, distance * distance - before + (nearer - image[i]!) ** 2))
    }
  }
  // More than ulps away: scale.
  const ratio = (length / distanceL2(image, points, at)) * (1 - 1e-7)
  for (let i = 0; i < size; i++) points[at + i] = image[i]! + ratio * (points[at + i]! - image[i]!)
}
