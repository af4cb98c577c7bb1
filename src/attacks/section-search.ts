import { logitsQuery, type Task } from './query.ts'
import type { Sample } from './sample.ts'

/**
 * Shortens the best find along the segment to the image: each round evaluates 7 interior points at once and keeps the first
 * adversarial one, so 4 rounds divide the bracket by 4096. Forward passes only. Every point goes through `observe`.
 */
export function* sectionSearch(sample: Sample, rounds = 4): Task {
  const { domain, best, image } = sample
  if (best.distance === Infinity || rounds === 0) return
  const points = 7
  const query = logitsQuery(domain.size, domain.classes, points)
  const far = best.point.slice()
  let low = 0
  let high = 1
  for (let round = 0; round < rounds && !sample.settled(); round++) {
    const step = (high - low) / (points + 1)
    for (let k = 0; k < points; k++) {
      const t = low + (k + 1) * step
      for (let i = 0; i < domain.size; i++) {
        query.points[k * domain.size + i] = image[i]! + t * (far[i]! - image[i]!)
      }
    }
    yield query
    let first = points
    for (let k = points - 1; k >= 0; k--) {
      if (sample.observe(query.points, k * domain.size, query.logits, k * domain.classes) < 0) first = k
    }
    const from = low
    low = from + first * step
    high = Math.min(high, from + (first + 1) * step)
  }
}
