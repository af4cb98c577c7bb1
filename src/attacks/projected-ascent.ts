import { seedCrossEntropy, seedMargin } from './criterion.ts'
import {
  type Norm,
  norm1,
  norm2,
  place,
  projectBall,
  randomDirection,
  randomInBall,
  steepest,
  TINY,
} from './projection.ts'
import { gradientQuery, logitsQuery, type Task } from './query.ts'
import type { Sample } from './sample.ts'

export interface AscentOptions {
  readonly norm: Norm
  readonly epsilon: number
  readonly steps: number
  readonly stepsize: number
  readonly randomStart: boolean
  /** Decay of the accumulated gradient (MIM); absent = none. */
  readonly momentum?: number
  readonly loss?: string
  readonly trial: number
  readonly restart?: number
}

/**
 * Steps of steepest ascent on the loss, each followed by the projection onto ball and box: the loop of FGM, BIM, PGD and MIM.
 * Ends at the first success.
 */
export function* projectedAscent(sample: Sample, options: AscentOptions): Task<boolean> {
  const { domain, criterion, evidence } = sample
  const { size, classes } = domain
  const { norm, epsilon, steps, stepsize, momentum, trial, restart = 0 } = options
  const query = gradientQuery(size, classes)
  const ascends = options.loss === 'margin' ? -1 : 1
  if (ascends === -1) seedMargin(query, 0, criterion, classes)
  else seedCrossEntropy(query, 0, criterion, classes)
  const delta = options.randomStart
    ? randomInBall(size, epsilon, norm, sample.random(trial, restart))
    : new Float64Array(size)
  const direction = new Float64Array(size)
  const accumulated = momentum === undefined ? undefined : new Float32Array(size)
  for (let step = 0; step < steps; step++) {
    place(sample, delta, query.points)
    yield query
    const m = sample.observe(query.points, 0, query.logits, 0)
    if (m < 0) return true
    if (Number.isNaN(m) || !Number.isFinite(norm2(query.gradients))) {
      evidence.nan = true
      return false
    }
    if (accumulated) accumulate(accumulated, query.gradients, momentum!)
    if (!steepest(accumulated ?? query.gradients, 0, norm, direction)) {
      evidence.zeroGradients++
      randomDirection(size, sample.random(trial, restart, step), direction)
    }
    for (let i = 0; i < size; i++) delta[i]! += ascends * stepsize * direction[i]!
    projectBall(delta, epsilon, norm)
  }
  const last = logitsQuery(size, classes)
  place(sample, delta, last.points)
  yield last
  return sample.observe(last.points, 0, last.logits, 0) < 0
}

/** g~ = momentum g~ + g / |g|_1 (arXiv 1710.06081; foolbox omits the inner normalisation). */
function accumulate(accumulated: Float32Array, gradient: Float32Array, momentum: number): void {
  const length = Math.max(norm1(gradient), TINY)
  for (let i = 0; i < gradient.length; i++) accumulated[i] = momentum * accumulated[i]! + gradient[i]! / length
}
