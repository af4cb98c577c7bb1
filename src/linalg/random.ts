/**
 * Counter-based random numbers: a stream is a pure function of its key (seed, sample, restart, ...), so results depend
 * neither on batch size nor on the order of work. MurmurHash3's finaliser over a counter: statistical quality for training
 * and search, not for cryptography.
 * @module
 */

export interface RandomStream {
  /** Uniform in [0, 1), 53 bits. */
  uniform(): number
  /** Standard normal (Box-Muller). */
  normal(): number
  /** Uniform integer in 0..n-1. */
  integer(n: number): number
}

function mix(h: number): number {
  // MurmurHash3's 32-bit finaliser: every input bit flips each output bit with probability one half.
  h ^= h >>> 16
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** A stream keyed by integers; equal keys give equal streams. */
export function randomStream(...key: readonly number[]): RandomStream {
  let a = 0x9e3779b9
  let b = 0x243f6a88
  for (const k of key) {
    a = mix(a ^ mix((k >>> 0) + 0x9e3779b9))
    b = mix(b + Math.imul(mix((k >>> 0) ^ 0x5bd1e995), 0x85ebca6b) + mix(Math.floor(k / 2 ** 32) >>> 0)) >>> 0
  }
  let counter = 0
  const next = (): number => {
    counter = (counter + 1) >>> 0
    return mix(a ^ mix(b + Math.imul(counter, 0x9e3779b9)))
  }
  const uniform = () => ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992
  let spare: number | undefined
  return {
    uniform,
    normal() {
      if (spare !== undefined) {
        const value = spare
        spare = undefined
        return value
      }
      const radius = Math.sqrt(-2 * Math.log(1 - uniform()))
      const angle = 2 * Math.PI * uniform()
      spare = radius * Math.sin(angle)
      return radius * Math.cos(angle)
    },
    integer: (n) => Math.floor(uniform() * n),
  }
}

/** A uniformly random order of 0..n-1 (Fisher-Yates). */
export function permutation(n: number, stream: RandomStream): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = stream.integer(i + 1)
    const swap = order[i]!
    order[i] = order[j]!
    order[j] = swap
  }
  return order
}
