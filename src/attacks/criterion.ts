/**
 * When a point counts as adversarial, as a signed margin: m(x) < 0, strictly. Ties are never a success.
 * @module
 */
import { EXCLUDED, type Query } from './query.ts'

export interface Criterion {
  /** Class of the sample. For a binary score (one logit): positive = the positive class, else the negative one. */
  readonly label: number
  /** Class that the adversarial must be given; undefined = any other. */
  readonly target?: number | undefined
}

/** +1 or -1: the side on which a binary score is correct. */
export function binarySign({ label }: Criterion): 1 | -1 {
  return label > 0 ? 1 : -1
}

/**
 * m(z): z_y - max over i != y of z_i; with a target max over i != t of z_i - z_t; for one logit sign(y) z.
 * NaN when any logit is NaN.
 */
export function margin(criterion: Criterion, logits: ArrayLike<number>, offset: number, classes: number): number {
  if (classes === 1) return binarySign(criterion) * logits[offset]!
  const own = criterion.target ?? criterion.label
  let other = -Infinity
  for (let i = 0; i < classes; i++) {
    const z = logits[offset + i]!
    if (Number.isNaN(z)) return Number.NaN
    if (i !== own && z > other) other = z
  }
  return criterion.target === undefined ? logits[offset + own]! - other : other - logits[offset + own]!
}

/** Class that a row of logits is given; for one logit 1 (positive) or 0. First of equals. */
export function predicted(logits: ArrayLike<number>, offset: number, classes: number): number {
  if (classes === 1) return logits[offset]! > 0 ? 1 : 0
  let best = 0
  for (let i = 1; i < classes; i++) if (logits[offset + i]! > logits[offset + best]!) best = i
  return best
}

function clearSeed(query: Query, row: number, classes: number): void {
  query.fixed.fill(0, row * classes, (row + 1) * classes)
  query.exclude.fill(0, row * classes, (row + 1) * classes)
  query.runnerUp[row] = 0
  query.softmax[row] = 0
}

/** Makes row's gradient that of the margin m. */
export function seedMargin(query: Query, row: number, criterion: Criterion, classes: number): void {
  clearSeed(query, row, classes)
  if (classes === 1) {
    query.fixed[row] = binarySign(criterion)
    return
  }
  const own = criterion.target ?? criterion.label
  const sign = criterion.target === undefined ? 1 : -1
  query.fixed[row * classes + own] = sign
  query.exclude[row * classes + own] = EXCLUDED
  query.runnerUp[row] = -sign
}

/** Makes row's gradient that of z_i - z_j (for one logit: of the margin). */
export function seedPair(query: Query, row: number, i: number, j: number, criterion: Criterion, classes: number): void {
  clearSeed(query, row, classes)
  if (classes === 1) {
    query.fixed[row] = binarySign(criterion)
    return
  }
  query.fixed[row * classes + i]! += 1
  query.fixed[row * classes + j]! -= 1
}

/** Makes row's gradient that of given weights on the logits. */
export function seedWeights(query: Query, row: number, weights: ArrayLike<number>, classes: number): void {
  clearSeed(query, row, classes)
  for (let i = 0; i < classes; i++) query.fixed[row * classes + i] = weights[i]!
}

/**
 * Makes row's gradient an ascent direction of the attack's cross-entropy: CE(y), or minus CE(t) with a target.
 * One logit: log(1 + exp(-m)) rises with -m and has its direction.
 */
export function seedCrossEntropy(query: Query, row: number, criterion: Criterion, classes: number): void {
  clearSeed(query, row, classes)
  if (classes === 1) {
    query.fixed[row] = -binarySign(criterion)
    return
  }
  const sign = criterion.target === undefined ? 1 : -1
  query.fixed[row * classes + (criterion.target ?? criterion.label)] = -sign
  query.softmax[row] = sign
}

/** The loss that `seedCrossEntropy` ascends. */
export function crossEntropy(criterion: Criterion, logits: ArrayLike<number>, offset: number, classes: number): number {
  if (classes === 1) return Math.log1p(Math.exp(-binarySign(criterion) * logits[offset]!))
  let top = -Infinity
  for (let i = 0; i < classes; i++) top = Math.max(top, logits[offset + i]!)
  let sum = 0
  for (let i = 0; i < classes; i++) sum += Math.exp(logits[offset + i]! - top)
  const loss = top + Math.log(sum) - logits[offset + (criterion.target ?? criterion.label)]!
  return criterion.target === undefined ? loss : -loss
}
