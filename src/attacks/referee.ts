import { type Criterion, margin, predicted } from './criterion.ts'
import type { Domain } from './domain.ts'
import { distanceL2, type Sample } from './sample.ts'

/** Who judges a find: the network as the file says it, one sample at a time. */
export interface Referee {
  /** Float32 logits of one point, by the plain network at batch 1. */
  logits(point: Float32Array): Promise<Float32Array>
  /** Float64 logits of the real network; undefined when it cannot be evaluated. */
  exactLogits?: (point: Float32Array) => Float64Array
}

/** A find that the plain network confirmed. */
export interface Verdict {
  readonly point: Float32Array
  /** L2, from the float32 values in float64. */
  readonly distance: number
  /** Class that the plain network gives it. */
  readonly target: number
}

/** How far beyond the attack's find to look, as a fraction of its distance, when the plain network disagrees by rounding. */
const PUSHES = [0, 1e-7, 3e-7, 1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2]

/**
 * Evaluates the best find again with the plain network at batch 1. Gradient graphs round otherwise than the plain one, so a
 * find on the very boundary may have to be pushed outwards along its own direction; the distance is that of the point pushed.
 *
 * @param within largest distance allowed, in the sample's norm (the epsilon of a fixed-radius attack)
 * @returns undefined when no such point is adversarial for the plain network
 */
export async function confirm(
  sample: Sample,
  referee: Referee,
  within: number = Infinity,
): Promise<Verdict | undefined> {
  const { best, image, domain, criterion } = sample
  if (best.distance === Infinity) return undefined
  for (const push of PUSHES) {
    if (best.distance * (1 + push) > within) break
    const point = stretch(image, best.point, 1 + push, domain)
    const logits = await referee.logits(point)
    if (margin(criterion, logits, 0, domain.classes) < 0) {
      return { point, distance: distanceL2(image, point), target: predicted(logits, 0, domain.classes) }
    }
  }
  return undefined
}

/** image + factor (far - image), rounded to float32, inside the box. */
function stretch(image: Float32Array, far: Float32Array, factor: number, { low, high }: Domain): Float32Array {
  return image.map((x, i) => {
    const value = factor === 1 ? far[i]! : x + factor * (far[i]! - x)
    return value < low[i]! ? low[i]! : Math.min(value, high[i]!)
  })
}

/** An upper bound of the true L2 distance: the float64 sum's rounding is at most (n + 2) 2^-53 relative. */
export function distanceUpper(distance: number, size: number): number {
  return distance * (1 + (size + 4) * 2 ** -53)
}

/**
 * Judges an adversarial inside a certified radius. Confirmed when the float64 evaluation of the real network agrees, at the
 * point or a little further out and still inside the radius: then the certificate is wrong, not the rounding.
 */
export async function judgeViolation(
  sample: Sample,
  find: Verdict,
  radius: number,
  referee: Referee,
): Promise<{ readonly confirmed: boolean; readonly find: Verdict }> {
  const { image, domain, criterion } = sample
  if (!referee.exactLogits) return { confirmed: false, find }
  for (const share of [0, 0.5, 0.9]) {
    const factor = 1 + share * (radius / find.distance - 1)
    const point = stretch(image, find.point, factor, domain)
    const distance = distanceL2(image, point)
    if (!(distanceUpper(distance, domain.size) < radius)) continue
    const logits = await referee.logits(point)
    if (margin(criterion, logits, 0, domain.classes) < 0 && trulyNegative(criterion, referee.exactLogits(point))) {
      return { confirmed: true, find: { point, distance, target: predicted(logits, 0, domain.classes) } }
    }
  }
  return { confirmed: false, find }
}

/** The float64 margin is negative by more than float64 evaluation can err. */
function trulyNegative(criterion: Criterion, logits: Float64Array): boolean {
  const scale = logits.reduce((top, z) => Math.max(top, Math.abs(z)), 0)
  return margin(criterion, logits, 0, logits.length) < -1e-11 * (1 + scale)
}
