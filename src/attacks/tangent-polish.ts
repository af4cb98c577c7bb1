import { seedMargin } from './criterion.ts'
import { norm2, projectOntoPlane, TINY } from './projection.ts'
import { gradientQuery, logitsQuery, type Query, type Task } from './query.ts'
import type { Sample } from './sample.ts'

/** Shares of the way to the linearised optimum that are tried at once. */
const SHARES = [1, 0.6, 0.35, 0.2, 0.1, 0.05, 0.02]

/**
 * Slides the best find along the decision boundary: the boundary is replaced by its tangent plane, the point of plane and box nearest to
 * the image is computed exactly, and several shares of the way there are tried; where the real boundary curves away, the
 * candidate is pushed out along its own ray by what the margin lacks. One gradient a step; ends when a step gains nothing.
 */
export function* tangentPolish(sample: Sample, steps: number): Task {
  const { domain, criterion, best, image } = sample
  const { size, classes } = domain
  if (best.distance === Infinity) return
  const slope = gradientQuery(size, classes)
  seedMargin(slope, 0, criterion, classes)
  const query = logitsQuery(size, classes, SHARES.length)
  const foot = new Float64Array(size)
  for (let step = 0; step < steps && !sample.settled(); step++) {
    slope.points.set(best.point)
    yield slope
    const m = sample.observe(slope.points, 0, slope.logits, 0)
    const length = norm2(slope.gradients)
    if (!Number.isFinite(m) || !Number.isFinite(length) || length < TINY) return
    let level = -m
    for (let i = 0; i < size; i++) level += slope.gradients[i]! * best.point[i]!
    projectOntoPlane(image, slope.gradients, level, domain, foot)
    const before = best.distance
    const start = slope.points
    for (const [row, share] of SHARES.entries()) {
      for (let i = 0; i < size; i++) query.points[row * size + i] = start[i]! + share * (foot[i]! - start[i]!)
    }
    yield query
    const margins = SHARES.map((_, row) => sample.observe(query.points, row * size, query.logits, row * classes))
    pushOut(sample, query, margins, slope.gradients)
    yield query
    for (const row of SHARES.keys()) sample.observe(query.points, row * size, query.logits, row * classes)
    if (!(best.distance < before * (1 - 1e-6))) return
  }
}

/** Scales each candidate about the image so that its margin would just vanish if it changed with the slope given. */
function pushOut({ image, domain }: Sample, query: Query, margins: readonly number[], gradient: Float32Array): void {
  const { size, low, high } = domain
  for (const [row, m] of margins.entries()) {
    let along = 0
    for (let i = 0; i < size; i++) along += gradient[i]! * (query.points[row * size + i]! - image[i]!)
    // along < 0: the margin falls outwards. A little more than needed, so that the candidate lands beyond the boundary.
    const factor = along < 0 ? 1 - (1.01 * m + 1e-6 * Math.abs(along)) / along : 1
    const safe = Math.max(0.9, Math.min(1.1, factor))
    for (let i = 0; i < size; i++) {
      const value = image[i]! + safe * (query.points[row * size + i]! - image[i]!)
      query.points[row * size + i] = Math.max(low[i]!, Math.min(high[i]!, value))
    }
  }
}
