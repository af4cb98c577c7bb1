import { crossEntropy, margin, seedCrossEntropy, seedMargin, seedPair, seedWeights } from './criterion.ts'
import { epsilonAttack } from './epsilon-search.ts'
import { type Norm, norm2, normInf, place, projectBall, randomDirection, steepest, TINY } from './projection.ts'
import { gradientQuery, logitsQuery, type Query, type Task } from './query.ts'
import type { Sample } from './sample.ts'

export type ApgdLoss = 'cross-entropy' | 'dlr' | 'dlr-targeted' | 'margin'

export interface ApgdOptions {
  readonly norm: Norm
  readonly epsilon: number
  readonly steps: number
  readonly loss: ApgdLoss
  /** For 'dlr-targeted' and a pair margin. */
  readonly target?: number | undefined
  /** Share of rising steps below which the step is halved. */
  readonly rho: number
  readonly keys: readonly number[]
}

/** Iterations after which APGD reconsiders its step: 22, 41, 57, 70, 80, 87, 93, 99 for 100 (arXiv 2003.01690, section 3.2). */
export function checkpoints(steps: number): number[] {
  const shrink = Math.max(Math.trunc(0.03 * steps), 1)
  const least = Math.max(Math.trunc(0.06 * steps), 1)
  const found: number[] = []
  let gap = Math.max(Math.trunc(0.22 * steps), 1)
  for (let at = gap; at <= steps; at += gap) {
    found.push(at)
    gap = Math.max(gap - shrink, least)
  }
  return found
}

/** One APGD run from a random point of the ball. Ends at the first success. */
export function* autoPgd(sample: Sample, options: ApgdOptions): Task<boolean> {
  const { domain, evidence } = sample
  const { size } = domain
  const { norm, epsilon, steps, rho } = options
  const objective = createObjective(sample, options)
  const { query } = objective
  const at = startingPoint(sample, norm, epsilon, options.keys)
  const previous = new Float64Array(size)
  const best = new Float64Array(size)
  const bestGradient = new Float32Array(size)
  const direction = new Float64Array(size)
  const step = new Float64Array(size)
  const gradient = new Float32Array(size)

  place(sample, at, query.points)
  let bestLoss = yield* objective.evaluate()
  if (objective.success() || Number.isNaN(bestLoss)) return objective.success()
  gradient.set(query.gradients)
  best.set(at)
  bestGradient.set(gradient)
  previous.set(at)
  let stepsize = 2 * epsilon
  let rises = 0
  let lastLoss = bestLoss
  let bestAtCheck = bestLoss
  let reducedLast = true
  const checks = checkpoints(steps)
  let check = 0
  for (let k = 1; k <= steps; k++) {
    if (!steepest(gradient, 0, norm, direction)) {
      evidence.zeroGradients++
      randomDirection(size, sample.random(...options.keys, k), direction)
    }
    const share = k === 1 ? 1 : 0.75
    for (let i = 0; i < size; i++) step[i] = at[i]! + stepsize * direction[i]!
    settle(sample, step, epsilon, norm)
    for (let i = 0; i < size; i++) {
      const moved = at[i]! + share * (step[i]! - at[i]!) + (1 - share) * (at[i]! - previous[i]!)
      previous[i] = at[i]!
      at[i] = moved
    }
    projectBall(at, epsilon, norm)
    place(sample, at, query.points)
    const loss = yield* objective.evaluate()
    if (objective.success()) return true
    if (Number.isNaN(loss)) return false
    gradient.set(query.gradients)
    if (loss > lastLoss) rises++
    lastLoss = loss
    if (loss > bestLoss) {
      bestLoss = loss
      best.set(at)
      bestGradient.set(gradient)
    }
    if (k === checks[check]) {
      const gap = k - (checks[check - 1] ?? 0)
      const stalled: boolean = rises <= rho * gap || (!reducedLast && bestAtCheck >= bestLoss)
      reducedLast = stalled
      bestAtCheck = bestLoss
      if (stalled) {
        stepsize /= 2
        at.set(best)
        gradient.set(bestGradient)
      }
      rises = 0
      check++
    }
  }
  return false
}

/** A random direction as long as the radius in the attack's norm, in the box. */
function startingPoint(sample: Sample, norm: Norm, epsilon: number, keys: readonly number[]): Float64Array {
  const { size } = sample.domain
  const random = sample.random(...keys)
  const at =
    norm === 'l2' ? randomDirection(size, random) : Float64Array.from({ length: size }, () => 2 * random.uniform() - 1)
  const length = Math.max(norm === 'l2' ? norm2(at) : normInf(at), TINY)
  for (let i = 0; i < size; i++) at[i]! *= (epsilon * (1 - 1e-6)) / length
  return at
}

/** Ball, then box, without rounding to float32 (the point is an intermediate one). */
function settle({ image, domain }: Sample, delta: Float64Array, epsilon: number, norm: Norm): void {
  projectBall(delta, epsilon, norm)
  for (let i = 0; i < delta.length; i++) {
    const x = image[i]! + delta[i]!
    if (x < domain.low[i]!) delta[i] = domain.low[i]! - image[i]!
    else if (x > domain.high[i]!) delta[i] = domain.high[i]! - image[i]!
  }
}

/** The loss that is ascended, at the point in `query.points`; fills `query.gradients`. */
function createObjective(
  sample: Sample,
  { loss, target }: ApgdOptions,
): { readonly query: Query; evaluate(): Task<number>; success(): boolean } {
  const { domain, criterion, evidence } = sample
  const { size, classes } = domain
  const query = gradientQuery(size, classes)
  const look = logitsQuery(size, classes)
  const others = classes - 1
  // DLR needs three classes, its targeted form four: below that the margin says the same.
  const kind = (loss === 'dlr' && others < 2) || (loss === 'dlr-targeted' && others < 3) ? 'margin' : loss
  const pair = target !== undefined && classes > 1
  let m = Infinity
  if (kind === 'cross-entropy') seedCrossEntropy(query, 0, criterion, classes)
  // The ascended margin loss is -m: the pair is seeded in reverse.
  else if (kind === 'margin' && pair) seedPair(query, 0, target, criterion.label, criterion, classes)
  else if (kind === 'margin') {
    seedMargin(query, 0, criterion, classes)
    for (let i = 0; i < classes; i++) query.fixed[i]! *= -1
    query.runnerUp[0]! *= -1
  }
  return {
    query,
    success: () => m < 0,
    *evaluate() {
      let value: number
      if (kind === 'dlr' || kind === 'dlr-targeted') {
        look.points.set(query.points)
        yield look
        const ratio = differenceOfLogitsRatio(look.logits, criterion.label, kind === 'dlr' ? undefined : target)
        seedWeights(query, 0, ratio.weights, classes)
        value = ratio.value
      } else value = Number.NaN
      yield query
      m = sample.observe(query.points, 0, query.logits, 0)
      if (kind === 'cross-entropy') value = crossEntropy(criterion, query.logits, 0, classes)
      else if (kind === 'margin') {
        value = pair
          ? query.logits[target]! - query.logits[criterion.label]!
          : -margin(criterion, query.logits, 0, classes)
      }
      if (Number.isNaN(m) || Number.isNaN(value) || !Number.isFinite(norm2(query.gradients))) {
        evidence.nan = true
        return Number.NaN
      }
      return value
    },
  }
}

/**
 * Difference of logits ratio and its gradient (arXiv 2003.01690, eq. 6 and 7): scale-free where softmax saturates.
 *   untargeted -(z_y - max z_i) / (z_1 - z_3), targeted -(z_y - z_t) / (z_1 - (z_3 + z_4) / 2), z_k in falling order.
 */
export function differenceOfLogitsRatio(
  logits: Float32Array,
  label: number,
  target: number | undefined,
): { readonly value: number; readonly weights: Float64Array } {
  const order = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b)
  const other = target ?? (order[0] === label ? order[1]! : order[0]!)
  const [first, , third] = order as [number, number, number]
  const gap =
    target === undefined ? logits[first]! - logits[third]! : logits[first]! - (logits[third]! + logits[order[3]!]!) / 2
  const bottom = gap + 1e-12
  const top = logits[label]! - logits[other]!
  const weights = new Float64Array(logits.length)
  weights[label]! -= 1 / bottom
  weights[other]! += 1 / bottom
  const slope = top / (bottom * bottom)
  weights[first]! += slope
  if (target === undefined) weights[third]! -= slope
  else {
    weights[third]! -= slope / 2
    weights[order[3]!]! -= slope / 2
  }
  return { value: -top / bottom, weights }
}

/** Classes other than the label, strongest clean logit first. */
export function targetsByLogit({ clean, criterion, domain }: Sample, count: number): number[] {
  if (domain.classes === 1) return [1 - (criterion.label > 0 ? 1 : 0)]
  if (criterion.target !== undefined) return [criterion.target]
  return Array.from({ length: domain.classes }, (_, j) => j)
    .filter((j) => j !== criterion.label)
    .sort((a, b) => clean[b]! - clean[a]! || a - b)
    .slice(0, count)
}

function apgd(name: string, norm: Norm, loss: ApgdLoss) {
  return epsilonAttack({
    name,
    norm,
    access: 'gradient',
    defaults: { steps: 100, restarts: 1, rho: 0.75 },
    *attempt(sample, epsilon, { steps, restarts, rho }, trial) {
      for (let restart = 0; restart < restarts; restart++) {
        if (yield* autoPgd(sample, { norm, epsilon, steps, loss, rho, keys: [trial, restart] })) return true
      }
      return false
    },
  })
}

function apgdTargeted(name: string, norm: Norm) {
  return epsilonAttack({
    name,
    norm,
    access: 'gradient',
    defaults: { steps: 100, restarts: 1, targets: 9, rho: 0.75 },
    *attempt(sample, epsilon, { steps, restarts, targets, rho }, trial) {
      for (let restart = 0; restart < restarts; restart++) {
        for (const target of targetsByLogit(sample, targets)) {
          const keys = [trial, restart, target]
          if (yield* autoPgd(sample, { norm, epsilon, steps, loss: 'dlr-targeted', target, rho, keys })) return true
        }
      }
      return false
    },
  })
}

/** Auto-PGD (arXiv 2003.01690) with its cross-entropy, DLR, margin and targeted DLR losses. */
export const ApgdCrossEntropy = apgd('apgd-ce', 'l2', 'cross-entropy')
export const ApgdDlr = apgd('apgd-dlr', 'l2', 'dlr')
export const ApgdMargin = apgd('apgd-margin', 'l2', 'margin')
export const ApgdTargeted = apgdTargeted('apgd-t', 'l2')
export const ApgdCrossEntropyLinf = apgd('apgd-ce-linf', 'linf', 'cross-entropy')
export const ApgdDlrLinf = apgd('apgd-dlr-linf', 'linf', 'dlr')
export const ApgdTargetedLinf = apgdTargeted('apgd-t-linf', 'linf')
