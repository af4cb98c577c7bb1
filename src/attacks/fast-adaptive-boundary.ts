import { defineAttack } from './attack.ts'
import { targetsByLogit } from './auto-pgd.ts'
import { seedPair } from './criterion.ts'
import { norm2, place, projectOntoPlane, randomInBall, TINY } from './projection.ts'
import { gradientQuery, logitsQuery, type Task } from './query.ts'
import type { Sample } from './sample.ts'
import { sectionSearch } from './section-search.ts'

const DEFAULTS = { steps: 100, restarts: 1, targets: 9, alphaMax: 0.1, eta: 1.05, beta: 0.9 }

/**
 * Targeted FAB (arXiv 1907.02044), L2: alternates between the linearised boundary seen from the iterate and the same plane seen
 * from the image, both projected exactly in the box, and steps back towards the image after each success.
 */
export const FastAdaptiveBoundary = defineAttack({
  name: 'fab-t',
  norm: 'l2',
  access: 'gradient',
  goal: 'minimal',
  defaults: DEFAULTS,
  *run(sample, parameters) {
    for (const target of targetsByLogit(sample, parameters.targets)) {
      for (let restart = 0; restart < parameters.restarts; restart++) {
        if (sample.settled()) return
        yield* fabDescent(sample, target, restart, parameters)
      }
    }
    yield* sectionSearch(sample)
  },
})

/** One run towards one class. Restarts after the first begin at a random point nearer than half the best distance. */
export function* fabDescent(
  sample: Sample,
  target: number,
  restart: number,
  { steps, alphaMax, eta, beta }: { steps: number; alphaMax: number; eta: number; beta: number },
): Task {
  const { domain, criterion, image, evidence, best } = sample
  const { size, classes } = domain
  const query = gradientQuery(size, classes)
  const look = logitsQuery(size, classes)
  seedPair(query, 0, target, criterion.label, criterion, classes)
  const delta =
    restart === 0 || best.distance === Infinity
      ? new Float64Array(size)
      : randomInBall(size, best.distance / 2, 'l2', sample.random(target, restart))
  const here = new Float64Array(size)
  const home = new Float64Array(size)
  place(sample, delta, query.points)
  for (let step = 0; step < steps && !sample.settled(); step++) {
    yield query
    sample.observe(query.points, 0, query.logits, 0)
    const x = query.points
    const w = query.gradients
    const length = norm2(w)
    if (!Number.isFinite(length)) {
      evidence.nan = true
      return
    }
    if (length < TINY) {
      evidence.zeroGradients++
      return
    }
    // f = z_t - z_y; for one logit the pair is the margin, whose sign is the other way round.
    const f =
      classes === 1
        ? (criterion.label > 0 ? 1 : -1) * query.logits[0]!
        : query.logits[target]! - query.logits[criterion.label]!
    let level = -f
    for (let i = 0; i < size; i++) level += w[i]! * x[i]!
    projectOntoPlane(x, w, level, domain, here)
    projectOntoPlane(image, w, level, domain, home)
    let a = 0
    let b = 0
    for (let i = 0; i < size; i++) {
      here[i]! -= x[i]!
      home[i]! -= image[i]!
      a += here[i]! * here[i]!
      b += home[i]! * home[i]!
    }
    a = Math.sqrt(a)
    b = Math.sqrt(b)
    const alpha = Math.min(a / Math.max(a + b, TINY), alphaMax)
    for (let i = 0; i < size; i++) {
      const y = (1 - alpha) * (x[i]! + eta * here[i]!) + alpha * (image[i]! + eta * home[i]!)
      delta[i] = y - image[i]!
    }
    place(sample, delta, look.points)
    yield look
    if (sample.observe(look.points, 0, look.logits, 0) < 0) {
      for (let i = 0; i < size; i++) delta[i]! *= beta
    }
    place(sample, delta, query.points)
  }
}
