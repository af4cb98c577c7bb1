import { seedPair } from './criterion.ts'
import { norm2, place } from './projection.ts'
import { gradientQuery, type Task } from './query.ts'
import type { Sample } from './sample.ts'

/**
 * Newton's method for z_y = z_target along the gradient, each step 2 % too long: exact on an affine network, a warm start on
 * others (DeepFool restricted to one class).
 *
 * @returns the perturbation reached (the first adversarial one, or the last)
 */
export function* newton(sample: Sample, target: number, steps: number): Task<Float64Array> {
  const { domain, criterion, evidence } = sample
  const query = gradientQuery(domain.size, domain.classes)
  seedPair(query, 0, criterion.label, target, criterion, domain.classes)
  const delta = new Float64Array(domain.size)
  for (let step = 0; step <= steps; step++) {
    place(sample, delta, query.points)
    yield query
    const m = sample.observe(query.points, 0, query.logits, 0)
    const length = norm2(query.gradients)
    if (Number.isNaN(m) || !Number.isFinite(length)) {
      evidence.nan = true
      break
    }
    evidence.pairNorm = Math.max(evidence.pairNorm, length)
    if (m < 0 || length === 0 || step === steps) break
    const pair = domain.classes === 1 ? m : query.logits[criterion.label]! - query.logits[target]!
    const factor = (1.02 * Math.abs(pair) + 1e-7) / (length * length)
    for (let i = 0; i < delta.length; i++) delta[i]! -= factor * query.gradients[i]!
  }
  return delta
}
