import { defineAttack } from './attack.ts'
import { seedMargin, seedPair } from './criterion.ts'
import { farthest, norm1, norm2, place, randomDirection, TINY } from './projection.ts'
import { gradientQuery, type Task } from './query.ts'
import type { Sample } from './sample.ts'
import { sectionSearch } from './section-search.ts'

export interface DescentOptions {
  /** Pair margin z_y - z_target instead of the margin to the strongest class. */
  readonly target?: number | undefined
  readonly steps: number
  /** First and last step length. */
  readonly stepsize: number
  readonly finalStepsize: number
  /** First and last relative change of the radius. */
  readonly gamma: number
  readonly finalGamma: number
  readonly norm: 'l2' | 'linf'
  /** Where to start (relative to the image); default the image. */
  readonly start?: Float64Array | undefined
  /** Stop when this many steps improved nothing. */
  readonly patience?: number
  /** Keys of the random stream. */
  readonly restart?: number
}

/**
 * One FMN descent (arXiv 2102.12827) with two changes measured on gradient-norm-preserving networks: the linearised radius is
 * taken 1.02 times, because such a network is landed on m = 0 exactly and would stay there, and the iterate is projected onto the
 * ball (as in the paper), not rescaled to the sphere.
 *
 * @returns the nearest adversarial distance of this descent, Infinity when there is none
 */
export function* fmnDescent(sample: Sample, options: DescentOptions): Task<number> {
  const { domain, criterion, evidence } = sample
  const { size, classes } = domain
  const { steps, norm, patience = Infinity, target } = options
  const query = gradientQuery(size, classes)
  if (target === undefined || classes === 1) seedMargin(query, 0, criterion, classes)
  else seedPair(query, 0, criterion.label, target, criterion, classes)
  const delta = options.start ? options.start.slice() : new Float64Array(size)
  const worst = farthest(sample, norm)
  let radius = Infinity
  let best = Infinity
  let improvedAt = 0
  for (let step = 0; step < steps; step++) {
    const cosine = (1 + Math.cos((Math.PI * step) / steps)) / 2
    const stepsize = options.finalStepsize + (options.stepsize - options.finalStepsize) * cosine
    const gamma = options.finalGamma + (options.gamma - options.finalGamma) * cosine
    place(sample, delta, query.points)
    yield query
    const m = sample.observe(query.points, 0, query.logits, 0)
    const dual = norm === 'l2' ? norm2(query.gradients) : norm1(query.gradients)
    if (Number.isNaN(m) || !Number.isFinite(dual)) {
      evidence.nan = true
      return best
    }
    if (target !== undefined) evidence.pairNorm = Math.max(evidence.pairNorm, norm2(query.gradients))
    const length = measure(delta, norm)
    const adversarial = m < 0
    if (adversarial && length < best) {
      if (length < best * (1 - 1e-4)) improvedAt = step
      best = length
    }
    if (sample.settled()) return best
    if (best < Infinity && step - improvedAt >= patience) return best
    if (adversarial) radius = Math.min(radius * (1 - gamma), best)
    else if (best < Infinity) radius *= 1 + gamma
    else {
      const pair = target === undefined ? m : pairMargin(query.logits, criterion.label, target, m)
      radius = 1.02 * (length + Math.abs(pair) / Math.max(dual, TINY))
    }
    radius = Math.min(radius, worst)
    descend(sample, query.gradients, delta, stepsize, norm, dual, [options.restart ?? 0, step])
    limit(delta, radius, norm)
  }
  return best
}

function pairMargin(logits: Float32Array, label: number, target: number, m: number): number {
  return logits.length === 1 ? m : logits[label]! - logits[target]!
}

function measure(delta: Float64Array, norm: 'l2' | 'linf'): number {
  if (norm === 'l2') return norm2(delta)
  let top = 0
  for (let i = 0; i < delta.length; i++) top = Math.max(top, Math.abs(delta[i]!))
  return top
}

function descend(
  sample: Sample,
  gradient: Float32Array,
  delta: Float64Array,
  stepsize: number,
  norm: 'l2' | 'linf',
  dual: number,
  keys: readonly number[],
): void {
  if (dual < TINY) {
    // No slope to follow: a random direction, counted, because it is a sign of gradient masking.
    sample.evidence.zeroGradients++
    const random = randomDirection(delta.length, sample.random(...keys))
    for (let i = 0; i < delta.length; i++) delta[i]! += stepsize * random[i]!
  } else if (norm === 'l2') {
    const factor = stepsize / dual
    for (let i = 0; i < delta.length; i++) delta[i]! -= factor * gradient[i]!
  } else {
    for (let i = 0; i < delta.length; i++) delta[i]! -= stepsize * Math.sign(gradient[i]!)
  }
}

function limit(delta: Float64Array, radius: number, norm: 'l2' | 'linf'): void {
  if (norm === 'linf') {
    for (let i = 0; i < delta.length; i++) delta[i] = Math.max(-radius, Math.min(radius, delta[i]!))
    return
  }
  const length = norm2(delta)
  if (length > radius) for (let i = 0; i < delta.length; i++) delta[i]! *= radius / length
}

const DEFAULTS = { steps: 100, stepsize: 1, gamma: 0.05, finalGamma: 0.001 }

function fmn(name: string, norm: 'l2' | 'linf') {
  return defineAttack({
    name,
    norm,
    access: 'gradient',
    goal: 'minimal',
    defaults: DEFAULTS,
    *run(sample, { steps, stepsize, gamma, finalGamma }) {
      yield* fmnDescent(sample, { steps, stepsize, finalStepsize: stepsize / 100, gamma, finalGamma, norm })
      yield* sectionSearch(sample)
    },
  })
}

/** Fast minimum-norm attack (arXiv 2102.12827), untargeted margin, published step sizes. */
export const FastMinimumNorm = fmn('fmn', 'l2')
export const FastMinimumNormLinf = fmn('fmn-linf', 'linf')
