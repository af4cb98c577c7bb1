import { seedPair } from './criterion.ts'
import { norm2 } from './projection.ts'
import { gradientQuery, type Task } from './query.ts'
import type { Sample } from './sample.ts'

/** A class to go for, and how far it seems. */
export interface RankedTarget {
  readonly target: number
  /** |z_y - z_t| / |grad(z_y - z_t)| at the image: the distance if the network were affine. Infinity where the gradient vanishes. */
  readonly linearised: number
}

/**
 * Orders the classes by linearised distance from the image (DeepFool's first step), looking only at the `candidates` classes of
 * smallest certified radius (or margin, where there is no certificate). One gradient a candidate.
 */
export function* rankTargets(sample: Sample, candidates: number): Task<RankedTarget[]> {
  const { domain, criterion, clean, certificate } = sample
  const { classes, size } = domain
  const label = criterion.label
  const margins = (j: number) => (classes === 1 ? Math.abs(clean[0]!) : clean[label]! - clean[j]!)
  const towards = certificate?.towards
  const nearness = towards ?? margins
  const pool =
    classes === 1
      ? [1 - (label > 0 ? 1 : 0)]
      : criterion.target !== undefined
        ? [criterion.target]
        : Array.from({ length: classes }, (_, j) => j)
            .filter((j) => j !== label)
            .sort((a, b) => nearness(a) - nearness(b) || a - b)
            .slice(0, candidates)
  const query = gradientQuery(size, classes, pool.length)
  for (const [row, target] of pool.entries()) {
    query.points.set(sample.image, row * size)
    seedPair(query, row, label, target, criterion, classes)
  }
  yield query
  return pool
    .map((target, row) => {
      const length = norm2(query.gradients, row * size, size)
      sample.evidence.pairNorm = Math.max(sample.evidence.pairNorm, Number.isFinite(length) ? length : 0)
      return { target, linearised: length > 0 ? Math.max(margins(target), 0) / length : Infinity }
    })
    .sort((a, b) => a.linearised - b.linearised || a.target - b.target)
}
