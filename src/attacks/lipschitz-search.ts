import type { RandomStream } from '../linalg/random.ts'
import { randomStream } from '../linalg/random.ts'
import { seedWeights } from './criterion.ts'
import { norm2, randomDirection, TINY } from './projection.ts'
import { gradientQuery, type Query, type Task } from './query.ts'
import { runTasks } from './scheduler.ts'
import type { Victim } from './victim.ts'

/** Two points between which the network really climbs that steeply. */
export interface LipschitzWitness {
  /** |u . (f(to) - f(from))| / |to - from| with float64 logits: attained, up to float64 rounding. 0 when nothing was found. */
  readonly value: number
  readonly from: Float32Array
  readonly to: Float32Array
  /** Unit-free weights u on the logits: e_i for one logit, e_i - e_j for a pair, a unit vector for all jointly. */
  readonly weights: Float64Array
}

export interface LipschitzSearchOptions {
  /** Points to start from: images, adversarials. */
  readonly starts: readonly Float32Array[]
  /** Rounds of six candidates a start and kind; default 12. */
  readonly steps?: number
  readonly seed?: number
  readonly signal?: AbortSignal
}

/** Lower bounds of the three constants of a network, each with the points that attain it. */
export interface LipschitzEvidence {
  readonly logit: LipschitzWitness
  readonly pair: LipschitzWitness
  readonly joint: LipschitzWitness
}

/**
 * Tries to falsify Lipschitz bounds: climbs on |J(x)^T u| from every start. A piecewise linear network has no second derivative to
 * follow, so candidates are tried along the gradient, against it and at random, in steps that grow and shrink. Every claim is made by a
 * float64 secant, never by a float32 gradient. The points may leave the box: a Lipschitz bound is a claim about all of R^n.
 *
 * @throws Error for a victim without gradients or without a float64 evaluation
 */
export async function searchLipschitz(victim: Victim, options: LipschitzSearchOptions): Promise<LipschitzEvidence> {
  const { oracle } = victim
  if (!oracle.gradient || !victim.exactLogits) {
    throw new Error('A Lipschitz search needs gradients and a float64 evaluation')
  }
  const { size, classes } = oracle
  const peaks: Peak[] = []
  const tasks = options.starts.map((start, position) =>
    climbAll(start, size, classes, options.steps ?? 12, randomStream(options.seed ?? 0, 6000, position), (peak) => {
      peaks.push(peak)
    }),
  )
  await runTasks(oracle, tasks, { signal: options.signal })
  const highest = (kind: Kind) =>
    peaks.filter((peak) => peak.kind === kind).sort((a, b) => b.slope - a.slope || compare(a.point, b.point))[0]
  return {
    logit: witness(victim, highest('logit'), size, classes),
    pair: witness(victim, highest('pair'), size, classes),
    joint: witness(victim, highest('joint'), size, classes),
  }
}

type Kind = 'logit' | 'pair' | 'joint'

interface Peak {
  readonly kind: Kind
  readonly slope: number
  readonly point: Float32Array
  readonly gradient: Float32Array
  readonly weights: Float64Array
}

function* climbAll(
  start: Float32Array,
  size: number,
  classes: number,
  steps: number,
  random: RandomStream,
  report: (peak: Peak) => void,
): Task {
  const jacobian = gradientQuery(size, classes, classes)
  for (let k = 0; k < classes; k++) {
    jacobian.points.set(start, k * size)
    seedWeights(jacobian, k, unit(classes, k), classes)
  }
  yield jacobian
  const gram = gramOf(jacobian, size, classes)
  const kinds: readonly (readonly [Kind, Float64Array])[] = [
    ['logit', steepestLogit(gram, classes)],
    ...(classes > 1 ? ([['pair', steepestPair(gram, classes)]] as const) : []),
    ['joint', topEigenvector(gram, classes)],
  ]
  for (const [kind, weights] of kinds) report({ kind, ...(yield* climb(start, weights, size, classes, steps, random)) })
}

/** Hill climbing on |J(x)^T u|, six candidates a step. */
function* climb(
  start: Float32Array,
  weights: Float64Array,
  size: number,
  classes: number,
  steps: number,
  random: RandomStream,
): Task<Omit<Peak, 'kind'>> {
  const rows = 6
  const query = gradientQuery(size, classes, rows)
  for (let row = 0; row < rows; row++) {
    seedWeights(query, row, weights, classes)
    query.points.set(start, row * size)
  }
  query.rows = 1
  yield query
  const point = start.slice()
  const gradient = query.gradients.slice(0, size)
  let slope = norm2(gradient)
  let reach = 0.1 * Math.max(norm2(start), 1)
  const direction = new Float64Array(size)
  query.rows = rows
  for (let step = 0; step < steps; step++) {
    const length = Math.max(norm2(gradient), TINY)
    for (let row = 0; row < rows; row++) {
      if (row < 4) for (let i = 0; i < size; i++) direction[i] = gradient[i]! / length
      else randomDirection(size, random, direction)
      const way = [reach, -reach, reach / 4, -reach / 4, reach, reach / 4][row]!
      for (let i = 0; i < size; i++) query.points[row * size + i] = point[i]! + way * direction[i]!
    }
    yield query
    let best = -1
    for (let row = 0; row < rows; row++) {
      const found = norm2(query.gradients, row * size, size)
      if (Number.isFinite(found) && found > slope) {
        slope = found
        best = row
      }
    }
    if (best < 0) reach /= 3
    else {
      point.set(query.points.subarray(best * size, (best + 1) * size))
      gradient.set(query.gradients.subarray(best * size, (best + 1) * size))
      reach *= 1.5
    }
  }
  return { slope, point, gradient, weights }
}

/** The float64 secant along the gradient at the peak; the best of a few lengths, in case the peak is narrow. */
function witness(victim: Victim, peak: Peak | undefined, size: number, classes: number): LipschitzWitness {
  const nothing = new Float32Array(size)
  if (!peak || !(peak.slope > 0)) return { value: 0, from: nothing, to: nothing, weights: new Float64Array(classes) }
  const from = peak.point
  const below = victim.exactLogits!(from)
  const candidates = [1, 1e-1, 1e-2, 1e-3].flatMap((length) =>
    [1, -1].map((way) => {
      const to = from.map((x, i) => x + (way * length * peak.gradient[i]!) / peak.slope)
      const above = victim.exactLogits!(to)
      let run = 0
      for (let i = 0; i < size; i++) run += (to[i]! - from[i]!) ** 2
      const rise = peak.weights.reduce((sum, w, k) => sum + w * (above[k]! - below[k]!), 0)
      // Float64 evaluation errs by some 1e-13 of the logits: taken off, so that the value is attained.
      const slack = 1e-12 * above.reduce((sum, z) => sum + Math.abs(z), 1)
      const value = run > 0 ? Math.max(0, Math.abs(rise) - slack) / Math.sqrt(run) : 0
      return { value, from, to, weights: peak.weights }
    }),
  )
  return candidates.reduce((best, candidate) => (candidate.value > best.value ? candidate : best))
}

function unit(classes: number, k: number): Float64Array {
  const u = new Float64Array(classes)
  u[k] = 1
  return u
}

/** J J^T in float64. */
function gramOf({ gradients }: Query, size: number, classes: number): Float64Array {
  const gram = new Float64Array(classes * classes)
  for (let i = 0; i < classes; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0
      for (let k = 0; k < size; k++) sum += gradients[i * size + k]! * gradients[j * size + k]!
      gram[i * classes + j] = sum
      gram[j * classes + i] = sum
    }
  }
  return gram
}

function steepestLogit(gram: Float64Array, classes: number): Float64Array {
  let best = 0
  for (let i = 1; i < classes; i++) if (gram[i * classes + i]! > gram[best * classes + best]!) best = i
  return unit(classes, best)
}

function steepestPair(gram: Float64Array, classes: number): Float64Array {
  const squared = (i: number, j: number) => gram[i * classes + i]! + gram[j * classes + j]! - 2 * gram[i * classes + j]!
  let best: readonly [number, number] = [0, 1]
  for (let i = 0; i < classes; i++) {
    for (let j = i + 1; j < classes; j++) if (squared(i, j) > squared(...best)) best = [i, j]
  }
  const u = unit(classes, best[0])
  u[best[1]] = -1
  return u
}

/** Power iteration on a small positive semidefinite matrix; any result is a valid choice of weights. */
function topEigenvector(gram: Float64Array, classes: number): Float64Array {
  let u = new Float64Array(classes).fill(1 / Math.sqrt(classes)).map((v, i) => v * (1 + i / 100))
  for (let k = 0; k < 200; k++) {
    const next = u.map((_, i) => u.reduce((sum, v, j) => sum + gram[i * classes + j]! * v, 0))
    const length = norm2(next)
    if (!(length > 0)) break
    u = next.map((v) => v / length)
  }
  const length = norm2(u)
  return u.map((v) => v / length)
}

function compare(a: Float32Array, b: Float32Array): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return 0
}
