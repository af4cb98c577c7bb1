import { defineAttack } from './attack.ts'
import { margin, seedMargin } from './criterion.ts'
import { type Collective, gradientQuery, logitsQuery, type Task } from './query.ts'
import type { Sample } from './sample.ts'
import { sectionSearch } from './section-search.ts'

const DEFAULTS = {
  binarySearchSteps: 9,
  steps: 10000,
  stepsize: 0.01,
  confidence: 0,
  initialConst: 1e-3,
  abortEarly: true,
  /** 'foolbox': its batch-summed early abort and its order of tests, distances as it finds them. 'none': every sample alone. */
  compat: 'none',
}

export type CarliniWagnerParameters = typeof DEFAULTS

/**
 * Carlini and Wagner's L2 attack (arXiv 1608.04644) with foolbox's parameters. In the box's tanh coordinates Adam minimises
 *   c max(0, m(x') + confidence) + |x' - x^|^2,   x' = s tanh(w + d) + centre,   x^ = s tanh(w) + centre,
 * and an outer search (times 10 until found, then bisection) looks for the smallest useful c.
 *
 * Ours differs from foolbox where foolbox lets samples of a batch influence each other: the early abort looks at one sample's loss, the
 * success test precedes it, and a line search ends the run. `compat: 'foolbox'` restores foolbox's rules.
 */
export const CarliniWagner = defineAttack({
  name: 'carlini-wagner',
  norm: 'l2',
  access: 'gradient',
  goal: 'minimal',
  defaults: DEFAULTS,
  lockstep: ({ compat, abortEarly }) => compat === 'foolbox' && abortEarly,
  run: carliniWagner,
})

/** The seed's demo: foolbox's L2CarliniWagnerAttack(6, 8000). */
export const FoolboxCarliniWagner = defineAttack({
  ...(CarliniWagner as unknown as { run: typeof carliniWagner }),
  name: 'foolbox-cw',
  norm: 'l2',
  access: 'gradient',
  goal: 'minimal',
  defaults: { ...DEFAULTS, binarySearchSteps: 6, steps: 8000, compat: 'foolbox' },
  lockstep: ({ compat, abortEarly }) => compat === 'foolbox' && abortEarly,
})

function* carliniWagner(sample: Sample, parameters: CarliniWagnerParameters): Task {
  const { binarySearchSteps, steps, stepsize, confidence, abortEarly } = parameters
  const foolbox = parameters.compat === 'foolbox'
  const { image, domain, criterion } = sample
  const { size, classes } = domain
  const space = tanhSpace(sample)
  const query = gradientQuery(size, classes)
  seedMargin(query, 0, criterion, classes)
  const look = logitsQuery(size, classes)
  const logits = new Float32Array(classes)
  let last = Infinity
  let change = Infinity
  /**
   * The margin at a point, and its gradient whenever the hinge is active. Where the last margins say that it will not be, logits are
   * asked for alone, at a third of the cost; when they were wrong the gradient follows.
   */
  const evaluate = function* (point: Float32Array): Task<number> {
    let m = Number.NaN
    const forwardOnly = last + confidence < -2 * change
    if (forwardOnly) {
      look.points.set(point)
      yield look
      m = margin(criterion, look.logits, 0, classes)
      logits.set(look.logits)
    }
    if (!forwardOnly || !(m + confidence <= 0)) {
      query.points.set(point)
      yield query
      m = margin(criterion, query.logits, 0, classes)
      logits.set(query.logits)
    }
    change = Math.abs(m - last)
    last = m
    return m
  }
  const collective: Collective = { kind: 'sum', value: 0, total: 0 }
  const adam = createAdam(size, stepsize)
  const delta = new Float64Array(size)
  const tanh = new Float64Array(size)
  const gradient = new Float64Array(size)
  const every = Math.ceil(steps / 10)

  const search = constantSearch(parameters.initialConst, binarySearchSteps)
  for (let outer = 0; outer < binarySearchSteps; outer++) {
    const weight = search.next(outer)
    delta.fill(0)
    adam.reset()
    last = Infinity
    let found = false
    let checked = Infinity
    for (let step = 0; step < steps; step++) {
      const { point } = space
      space.toModel(delta, tanh, point)
      const m = yield* evaluate(point)
      if (Number.isNaN(m)) {
        sample.evidence.nan = true
        return
      }
      const hinge = m + confidence > 0
      const { squares } = lossGradient(space, image, tanh, query.gradients, hinge ? weight : 0, gradient)
      adam.step(gradient, delta)
      const loss = (hinge ? weight * (m + confidence) : 0) + squares
      // With a confidence, success asks for the margin to be beaten by it.
      const success = m + confidence < 0
      if (!foolbox && success) found = judge(sample, point, logits) || found
      if (abortEarly && step % every === 0) {
        let judged = loss
        if (foolbox) {
          collective.value = loss
          yield collective
          judged = collective.total
        }
        if (!(judged <= 0.9999 * checked)) break
        checked = judged
      }
      if (foolbox && success) found = judge(sample, point, logits) || found
      if (!foolbox && sample.settled()) return
    }
    search.learn(found)
  }
  if (!foolbox) yield* sectionSearch(sample)
}

/**
 * The outer search for the constant: ten times more until a find, then bisection; the last of ten or more steps repeats the smallest
 * constant that succeeded.
 */
export function constantSearch(
  initial: number,
  steps: number,
): { next(outer: number): number; learn(found: boolean): void } {
  let weight = initial
  let lower = 0
  let upper = Infinity
  return {
    next(outer) {
      if (outer === steps - 1 && steps >= 10) weight = Math.min(upper, 1e10)
      return weight
    },
    learn(found) {
      if (found) upper = weight
      else lower = weight
      weight = upper === Infinity ? weight * 10 : (lower + upper) / 2
    },
  }
}

function judge(sample: Sample, points: Float32Array, logits: Float32Array): boolean {
  return sample.observe(points, 0, logits, 0) < 0
}

/** x = scale * tanh(w) + centre covers the open box. */
function tanhSpace({ image, domain }: Sample) {
  const { size, low, high } = domain
  const centre = new Float64Array(size)
  const scale = new Float64Array(size)
  const start = new Float64Array(size)
  const reconstructed = new Float64Array(size)
  for (let i = 0; i < size; i++) {
    centre[i] = (low[i]! + high[i]!) / 2
    scale[i] = (high[i]! - low[i]!) / 2
    // foolbox's factor keeps atanh finite at the faces of the box.
    start[i] = scale[i] === 0 ? 0 : Math.atanh((0.999999 * (image[i]! - centre[i]!)) / scale[i]!)
    reconstructed[i] = Math.fround(scale[i]! * Math.tanh(start[i]!) + centre[i]!)
  }
  const point = new Float32Array(size)
  return {
    scale,
    reconstructed,
    point,
    toModel(delta: Float64Array, tanh: Float64Array, into: Float32Array): void {
      for (let i = 0; i < size; i++) {
        // tanh(v) = 1 - 2 / (exp(2v) + 1): twice as fast as Math.tanh, absolute error below 1e-15, exact limits at +-Infinity.
        const t = 1 - 2 / (Math.exp(2 * (start[i]! + delta[i]!)) + 1)
        tanh[i] = t
        const value = scale[i]! * t + centre[i]!
        into[i] = value < low[i]! ? low[i]! : Math.min(value, high[i]!)
      }
    },
  }
}

/** Gradient of weight * m + |x' - x^|^2 with respect to d, and the square. */
function lossGradient(
  space: ReturnType<typeof tanhSpace>,
  image: Float32Array,
  tanh: Float64Array,
  marginGradient: Float32Array,
  weight: number,
  into: Float64Array,
): { squares: number } {
  const { scale, reconstructed, point } = space
  let squares = 0
  for (let i = 0; i < image.length; i++) {
    const difference = point[i]! - reconstructed[i]!
    squares += difference * difference
    // A zero weight must also silence a gradient that is not finite.
    const pull = weight === 0 ? 0 : weight * marginGradient[i]!
    into[i] = (pull + 2 * difference) * scale[i]! * (1 - tanh[i]! * tanh[i]!)
  }
  return { squares }
}

/** Adam (arXiv 1412.6980) with beta .9, .999 and epsilon 1e-8. */
function createAdam(size: number, stepsize: number) {
  const first = new Float64Array(size)
  const second = new Float64Array(size)
  let t = 0
  return {
    reset(): void {
      first.fill(0)
      second.fill(0)
      t = 0
    },
    step(gradient: Float64Array, delta: Float64Array): void {
      t++
      const rate = stepsize / (1 - 0.9 ** t)
      const correction = 1 / (1 - 0.999 ** t)
      for (let i = 0; i < size; i++) {
        const g = gradient[i]!
        const m = (first[i] = 0.9 * first[i]! + 0.1 * g)
        const v = (second[i] = 0.999 * second[i]! + 0.001 * g * g)
        delta[i]! -= (rate * m) / (Math.sqrt(v * correction) + 1e-8)
      }
    },
  }
}
