import { defineAttack } from './attack.ts'
import { margin } from './criterion.ts'
import { norm2, randomDirection, TINY } from './projection.ts'
import { logitsQuery, type Task } from './query.ts'
import { distanceL2, type Sample } from './sample.ts'
import { findStart } from './starting-point.ts'

/**
 * HopSkipJump, L2 (arXiv 1904.02144): sees decisions only. Estimates the boundary's normal from random probes, jumps along it as
 * far as the point stays adversarial, and bisects back. The normal is normalised per sample and points stay in the sample's own box.
 */
export const HopSkipJump = defineAttack({
  name: 'hop-skip-jump',
  norm: 'l2',
  access: 'logits',
  goal: 'minimal',
  defaults: { steps: 32, initialEvaluations: 100, maxEvaluations: 10000, gamma: 1 },
  *run(sample, { steps, initialEvaluations, maxEvaluations, gamma }) {
    if (!(yield* findStart(sample))) return
    const { size } = sample.domain
    const theta = gamma / size ** 1.5
    const x = sample.best.point.slice()
    yield* toBoundary(sample, x, theta)
    for (let step = 0; step < steps && !sample.settled(); step++) {
      const distance = distanceL2(sample.image, x)
      const delta = step === 0 ? 0.1 * distance : Math.sqrt(size) * theta * distance
      const probes = Math.min(Math.floor(initialEvaluations * Math.sqrt(step + 1)), maxEvaluations)
      const normal = yield* estimateNormal(sample, x, delta, probes, step)
      yield* jump(sample, x, normal, distance / Math.sqrt(step + 1))
      yield* toBoundary(sample, x, theta)
    }
  },
})

/** Bisection between the image and x until the bracket is below theta; x becomes the adversarial end. */
function* toBoundary(sample: Sample, x: Float32Array, theta: number): Task {
  const { image, domain } = sample
  const query = logitsQuery(domain.size, domain.classes)
  const far = x.slice()
  let low = 0
  let high = 1
  for (let k = 0; k < 40 && high - low > Math.max(theta, 1e-7); k++) {
    const middle = (low + high) / 2
    for (let i = 0; i < domain.size; i++) query.points[i] = image[i]! + middle * (far[i]! - image[i]!)
    yield query
    if (sample.observe(query.points, 0, query.logits, 0) < 0) {
      high = middle
      x.set(query.points)
    } else low = middle
  }
}

/** Monte Carlo estimate of the boundary's normal from the decisions at `probes` points around x. */
function* estimateNormal(
  sample: Sample,
  x: Float32Array,
  delta: number,
  probes: number,
  step: number,
): Task<Float64Array> {
  const { domain, criterion } = sample
  const { size, classes, low, high } = domain
  const rows = Math.min(probes, 25)
  const query = logitsQuery(size, classes, rows)
  const direction = new Float64Array(size)
  const sum = new Float64Array(size)
  const weighted = new Float64Array(size)
  let total = 0
  let count = 0
  for (let start = 0; start < probes; start += rows) {
    query.rows = Math.min(rows, probes - start)
    for (let row = 0; row < query.rows; row++) {
      randomDirection(size, sample.random(1000 + step, start + row), direction)
      for (let i = 0; i < size; i++) {
        const value = x[i]! + delta * direction[i]!
        query.points[row * size + i] = Math.max(low[i]!, Math.min(high[i]!, value))
      }
    }
    yield query
    for (let row = 0; row < query.rows; row++) {
      sample.observe(query.points, row * size, query.logits, row * classes)
      const sign = margin(criterion, query.logits, row * classes, classes) < 0 ? 1 : -1
      total += sign
      count++
      for (let i = 0; i < size; i++) {
        const u = (query.points[row * size + i]! - x[i]!) / delta
        sum[i]! += u
        weighted[i]! += sign * u
      }
    }
  }
  const mean = total / count
  // All probes on one side: their plain mean. Otherwise the baseline is subtracted (the paper's variance reduction).
  const baseline = Math.abs(mean) === 1 ? 0 : mean
  const normal = weighted.map((value, i) => value - baseline * sum[i]!)
  const length = Math.max(norm2(normal), TINY)
  return normal.map((value) => value / length)
}

/** Moves x along the normal by a step that is halved until the point is adversarial. */
function* jump(sample: Sample, x: Float32Array, normal: Float64Array, length: number): Task {
  const { domain } = sample
  const query = logitsQuery(domain.size, domain.classes)
  for (let k = 0, reach = length; k < 30; k++, reach /= 2) {
    for (let i = 0; i < domain.size; i++) {
      query.points[i] = Math.max(domain.low[i]!, Math.min(domain.high[i]!, x[i]! + reach * normal[i]!))
    }
    yield query
    if (sample.observe(query.points, 0, query.logits, 0) < 0) {
      x.set(query.points)
      return
    }
  }
}
