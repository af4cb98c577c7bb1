import { defineAttack } from './attack.ts'
import { predicted, seedPair } from './criterion.ts'
import { type Norm, norm1, norm2, place } from './projection.ts'
import { gradientQuery, logitsQuery, type Task } from './query.ts'
import type { Sample } from './sample.ts'
import { sectionSearch } from './section-search.ts'

const DEFAULTS = { steps: 50, candidates: 10, overshoot: 0.02 }

function deepFool(name: string, norm: Norm) {
  return defineAttack({
    name,
    norm,
    access: 'gradient',
    goal: 'minimal',
    defaults: DEFAULTS,
    *run(sample, { steps, candidates, overshoot }) {
      yield* walk(sample, norm, steps, candidates, overshoot)
      yield* sectionSearch(sample)
    },
  })
}

/**
 * DeepFool (arXiv 1511.04599) in foolbox's order: the candidate classes are fixed by the clean logits, each step goes to the nearest
 * of their linearised boundaries.
 */
function* walk(sample: Sample, norm: Norm, steps: number, candidates: number, overshoot: number): Task {
  const { domain, criterion, clean, image } = sample
  const { size, classes } = domain
  const own = classes === 1 ? 0 : predicted(clean, 0, classes)
  const others =
    classes === 1
      ? [0]
      : criterion.target !== undefined
        ? [criterion.target]
        : Array.from({ length: classes }, (_, j) => j)
            .filter((j) => j !== own)
            .sort((a, b) => clean[b]! - clean[a]! || a - b)
            .slice(0, Math.max(1, candidates - 1))
  const query = gradientQuery(size, classes, others.length)
  for (const [row, j] of others.entries()) seedPair(query, row, own, j, criterion, classes)
  const total = new Float64Array(size)
  const delta = new Float64Array(size)
  const final = logitsQuery(size, classes)
  for (let step = 0; step < steps; step++) {
    for (let i = 0; i < size; i++) delta[i] = (1 + overshoot) * total[i]!
    place(sample, delta, query.points)
    for (let row = 1; row < others.length; row++) query.points.copyWithin(row * size, 0, size)
    yield query
    const m = sample.observe(query.points, 0, query.logits, 0)
    if (m < 0) return
    if (Number.isNaN(m)) {
      sample.evidence.nan = true
      return
    }
    let nearest = -1
    let distance = Infinity
    for (const [row, j] of others.entries()) {
      const pair = classes === 1 ? m : query.logits[own]! - query.logits[j]!
      const dual = (norm === 'l2' ? norm2 : norm1)(query.gradients, row * size, size)
      const d = Math.abs(pair) / dual
      if (d < distance) {
        distance = d
        nearest = row
      }
    }
    if (nearest < 0) {
      sample.evidence.zeroGradients++
      return
    }
    const at = nearest * size
    const reach = distance + 1e-4
    const length = norm2(query.gradients, at, size)
    for (let i = 0; i < size; i++) {
      const g = query.gradients[at + i]!
      total[i]! -= norm === 'l2' ? (reach * g) / length : reach * Math.sign(g)
    }
  }
  for (let i = 0; i < image.length; i++) delta[i] = (1 + overshoot) * total[i]!
  place(sample, delta, final.points)
  yield final
  sample.observe(final.points, 0, final.logits, 0)
}

export const DeepFool = deepFool('deep-fool', 'l2')
export const DeepFoolLinf = deepFool('deep-fool-linf', 'linf')
