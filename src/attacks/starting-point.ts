import { logitsQuery, type Task } from './query.ts'
import type { Sample } from './sample.ts'
import { sectionSearch } from './section-search.ts'

/**
 * An adversarial to begin with, for attacks that see decisions only: uniform noise in the box, blended with the image, then
 * bisected. Returns false when no noise is adversarial.
 */
export function* findStart(sample: Sample, directions = 100): Task<boolean> {
  if (sample.best.distance < Infinity) return true
  const { domain, image } = sample
  const { size, classes, low, high } = domain
  const rows = 10
  const query = logitsQuery(size, classes, rows)
  for (let start = 0; start < directions; start += rows) {
    for (let row = 0; row < rows; row++) {
      const random = sample.random(start + row)
      const blend = ((start + row) % 5) / 5
      for (let i = 0; i < size; i++) {
        const noise = low[i]! + random.uniform() * (high[i]! - low[i]!)
        query.points[row * size + i] = Math.max(low[i]!, Math.min(high[i]!, blend * image[i]! + (1 - blend) * noise))
      }
    }
    yield query
    for (let row = 0; row < rows; row++) sample.observe(query.points, row * size, query.logits, row * classes)
    if (sample.best.distance < Infinity) {
      yield* sectionSearch(sample)
      return true
    }
  }
  return false
}
