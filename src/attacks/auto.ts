import { defineAttack } from './attack.ts'
import { fmnDescent } from './fast-minimum-norm.ts'
import { newton } from './newton.ts'
import { diagonal } from './projection.ts'
import { type Task, together } from './query.ts'
import { type RankedTarget, rankTargets } from './rank-targets.ts'
import type { Sample } from './sample.ts'
import { sectionSearch } from './section-search.ts'
import { tangentPolish } from './tangent-polish.ts'

/** At most 9 + 3 (8 + 1) + 3 x 30 + 100 + 20 + 4 = 250 gradients a sample. */
export const autoDefaults = {
  /** Classes that are attacked, nearest first. */
  targets: 3,
  /** Classes whose linearised distance decides which are nearest. */
  candidates: 9,
  newtonSteps: 8,
  steps: 30,
  /** First step of a descent as a multiple of the linearised distance. */
  stepFactor: 0.7,
  /** Last step of a descent as a share of the first. */
  finalShare: 0.01,
  gamma: 0.05,
  /** Steps along the boundary at the end, which seldom take more than two. */
  polish: 4,
  /** Second round on the best target, from the best find, when the gap to the certificate stays open; 0 = none. */
  secondSteps: 100,
  secondTargets: 1,
  /** Its first step as a multiple of the best distance: long steps leave the basin, the radius keeps what was found. */
  secondFactor: 1.6,
  /** Third round, from the best find of all, in short steps. */
  thirdSteps: 20,
  thirdFactor: 0.03,
}

export type AutoParameters = typeof autoDefaults

/**
 * The default portfolio: targeted minimal-norm descents with steps in proportion to the distance that is left to expect. Measured on
 * gradient-norm-preserving networks it reaches smaller distances than Carlini-Wagner with a small part of its gradients. Stops as
 * soon as a find lies on the certified radius: nothing nearer exists.
 */
export const Auto = defineAttack({
  name: 'auto',
  norm: 'l2',
  access: 'gradient',
  goal: 'minimal',
  defaults: autoDefaults,
  run: portfolio,
})

export function* portfolio(sample: Sample, parameters: AutoParameters): Task {
  const ranked = yield* rankTargets(sample, parameters.candidates)
  const nearest = ranked.slice(0, parameters.targets)
  yield* together(nearest.map(({ target }) => newton(sample, target, parameters.newtonSteps)))
  yield* sectionSearch(sample, 3)
  if (sample.settled()) return
  const reached = yield* together(
    nearest.map((ranking, restart) =>
      descent(sample, ranking, parameters, parameters.steps, parameters.stepFactor, restart),
    ),
  )
  yield* sectionSearch(sample)
  if (parameters.secondSteps > 0 && sample.best.distance < Infinity && !closed(sample)) {
    const first = nearest.map((ranking, i) => ({ ranking, reached: reached[i]! })).sort((a, b) => a.reached - b.reached)
    const again = first.slice(0, parameters.secondTargets)
    const { secondSteps, secondFactor, thirdSteps, thirdFactor } = parameters
    yield* together(
      again.map(({ ranking }, i) => furtherDescent(sample, ranking, secondSteps, secondFactor, nearest.length + i)),
    )
    yield* sectionSearch(sample)
    if (thirdSteps > 0 && !closed(sample)) {
      yield* furtherDescent(sample, again[0]!.ranking, thirdSteps, thirdFactor, 2 * nearest.length)
      yield* sectionSearch(sample)
    }
  }
  if (!closed(sample)) yield* tangentPolish(sample, parameters.polish)
}

/** A descent from the best find, towards the class that came nearest; `factor` times the best distance is its first step. */
function furtherDescent(
  sample: Sample,
  { target }: RankedTarget,
  steps: number,
  factor: number,
  restart: number,
): Task<number> {
  const { best, image } = sample
  const stepsize = factor * best.distance
  return fmnDescent(sample, {
    target,
    steps,
    stepsize,
    finalStepsize: stepsize / 100,
    gamma: factor / 4,
    finalGamma: 1e-4,
    norm: 'l2',
    start: Float64Array.from(image, (x, i) => best.point[i]! - x),
    patience: Infinity,
    restart,
  })
}

/** The bracket [certificate, best] is closed to one per cent. */
function closed(sample: Sample): boolean {
  const radius = sample.certificate?.radius ?? 0
  return sample.best.distance <= 1.01 * radius
}

function descent(
  sample: Sample,
  { target, linearised }: RankedTarget,
  { finalShare, gamma }: AutoParameters,
  steps: number,
  factor: number,
  restart: number,
): Task<number> {
  const { domain } = sample
  const floor = (1e-3 * diagonal(domain)) / Math.sqrt(domain.size)
  const expected = Number.isFinite(linearised) ? linearised : diagonal(domain) / 10
  const stepsize = factor * Math.max(expected, floor)
  return fmnDescent(sample, {
    // With a target criterion or one logit the margin itself is the pair.
    target,
    steps,
    stepsize,
    finalStepsize: stepsize * finalShare,
    gamma,
    finalGamma: 0.001,
    norm: 'l2',
    patience: Math.max(20, Math.floor(steps / 3)),
    restart,
  })
}
