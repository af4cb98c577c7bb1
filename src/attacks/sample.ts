import { type RandomStream, randomStream } from '../linalg/random.ts'
import { type Criterion, margin } from './criterion.ts'
import type { Domain } from './domain.ts'
import type { Norm } from './projection.ts'

/** What is proved about a sample. */
export interface SampleCertificate {
  /** No point nearer than this (L2) is classified otherwise. */
  readonly radius: number
  /** The same for the change to one given class; when absent, `radius` serves for all. */
  readonly towards?: ((target: number) => number) | undefined
}

/** The nearest adversarial found so far, in the norm of the attack. */
export interface Best {
  distance: number
  readonly point: Float32Array
}

/** One sample under attack: what is known and what has been found. Attacks report every point they evaluate to `observe`. */
export interface Sample {
  readonly index: number
  readonly image: Float32Array
  readonly domain: Domain
  readonly norm: Norm
  readonly criterion: Criterion
  /** Logits of the image. */
  readonly clean: Float32Array
  readonly certificate: SampleCertificate | undefined
  readonly best: Best
  /** Largest gradient norm of a pair margin that was met: a lower bound of that pair's Lipschitz constant. */
  readonly evidence: { pairNorm: number; gradients: number; zeroGradients: number; nan: boolean }
  /** A stream that depends on (seed, sample, keys) only. */
  random(...keys: readonly number[]): RandomStream
  /**
   * Judges a point: returns its margin and remembers it when it is the nearest adversarial so far.
   * @param points buffer that holds the point at `pointOffset`
   * @param logits buffer that holds its logits at `logitsOffset`
   */
  observe(points: Float32Array, pointOffset: number, logits: Float32Array, logitsOffset: number): number
  /** True once the best distance is the certified L2 radius to one part in a million (or less): nothing nearer exists. */
  settled(): boolean
}

export function createSample(options: {
  readonly index: number
  readonly image: Float32Array
  readonly domain: Domain
  /** Default 'l2'. */
  readonly norm?: Norm
  readonly criterion: Criterion
  readonly clean: Float32Array
  readonly certificate?: SampleCertificate | undefined
  readonly seed: number
}): Sample {
  const { index, image, domain, norm = 'l2', criterion, certificate, seed } = options
  const measure = norm === 'l2' ? distanceL2 : distanceLinf
  const best: Best = { distance: Infinity, point: new Float32Array(domain.size) }
  const evidence = { pairNorm: 0, gradients: 0, zeroGradients: 0, nan: false }
  return {
    index,
    image,
    domain,
    norm,
    criterion,
    clean: options.clean,
    certificate,
    best,
    evidence,
    random: (...keys) => randomStream(seed, index, ...keys),
    observe(points, pointOffset, logits, logitsOffset) {
      const m = margin(criterion, logits, logitsOffset, domain.classes)
      if (Number.isNaN(m)) evidence.nan = true
      else if (m < 0) {
        const distance = measure(image, points, pointOffset)
        // The image itself is classified correctly by the network as given: a disagreement there is rounding, not a find.
        if (distance > 0 && distance < best.distance) {
          best.distance = distance
          best.point.set(points.subarray(pointOffset, pointOffset + domain.size))
        }
      }
      return m
    },
    settled: () => norm === 'l2' && certificate !== undefined && best.distance <= certificate.radius * (1 + 1e-6),
  }
}

/** L2 distance of two float32 points, in float64. */
export function distanceL2(image: Float32Array, points: Float32Array, offset = 0): number {
  let sum = 0
  for (let i = 0; i < image.length; i++) {
    const difference = points[offset + i]! - image[i]!
    sum += difference * difference
  }
  return Math.sqrt(sum)
}

/** L-infinity distance of two float32 points. */
export function distanceLinf(image: Float32Array, points: Float32Array, offset = 0): number {
  let top = 0
  for (let i = 0; i < image.length; i++) top = Math.max(top, Math.abs(points[offset + i]! - image[i]!))
  return top
}
