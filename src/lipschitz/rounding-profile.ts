/**
 * What the executed arithmetic may add, as numbers (docs/soundness.md 10.1). The sentences that go with a profile are the
 * runtime's; here is what the proof computes with.
 * @module
 */

export const UNIT_F32 = 2 ** -24
/** Smallest normal float32: results below it may be flushed to zero. */
export const TINY_F32 = 2 ** -126

export interface RoundingProfile {
  readonly name: string
  /** |fl(sum of k products) - sum| <= dot(k) * sum |products|, in any order. */
  dot(terms: number): number
  /** Elementwise operations: how many times their stated ulps. */
  readonly elementwise: number
}

/** g(k) = k u / (1 - k u) (Higham, lemma 3.1), Infinity when k is too large for it to mean anything. */
function gammaF32(k: number): number {
  const ku = k * UNIT_F32
  return ku < 0.5 ? (ku / (1 - ku)) * (1 + 2 ** -40) : Number.POSITIVE_INFINITY
}

const anyOrder = (terms: number): number => gammaF32(terms + 3)

export const ROUNDING_PROFILES: Readonly<Record<string, RoundingProfile>> = {
  'f32-any-order': { name: 'f32-any-order', dot: anyOrder, elementwise: 1 },
  'cuda-f32': { name: 'cuda-f32', dot: anyOrder, elementwise: 2 },
  // WGSL leaves a division 2.5 ulp (5 u), and a square root, which is 1 over an inverse square root of 2 ulp, 4.5 (9 u): once
  // each inside a sum at most (BatchNormalization).
  'webgpu-f32': { name: 'webgpu-f32', dot: (terms) => anyOrder(terms + 14), elementwise: 10 },
  // Factors cut to 10 bits, truncation in the accumulator (Fasi et al., PeerJ CS 330, 2021).
  'cuda-tf32': {
    name: 'cuda-tf32',
    dot: (terms) => (2 * 2 ** -10 + 2 ** -20 + terms * 2 ** -22) * (1 + 2 ** -8),
    elementwise: 2,
  },
}
