/**
 * Seeded random numbers. Every draw in the layers comes from here, so that a seed determines a network on every machine.
 * @module
 */

/** xoshiro128** (Blackman and Vigna 2018), seeded through splitmix32; uniform in [0, 1) with 53 random bits. */
export function uniformGenerator(seed: number): () => number {
  let state = seed >>> 0
  const splitmix = (): number => {
    state = (state + 0x9e3779b9) >>> 0
    let z = state
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return (z ^ (z >>> 15)) >>> 0
  }
  let a = splitmix()
  let b = splitmix()
  let c = splitmix()
  let d = splitmix()
  const rotate = (x: number, k: number): number => (x << k) | (x >>> (32 - k))
  const next = (): number => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0
    const t = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= t
    d = rotate(d, 11)
    return result
  }
  return () => ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992
}

/** Standard normal numbers by the Box-Muller transform. */
export function normalGenerator(seed: number): () => number {
  const uniform = uniformGenerator(seed)
  let spare: number | undefined
  return () => {
    if (spare !== undefined) {
      const value = spare
      spare = undefined
      return value
    }
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()))
    const angle = 2 * Math.PI * uniform()
    spare = radius * Math.sin(angle)
    return radius * Math.cos(angle)
  }
}

/** Derives an independent seed from a seed and names (FNV-1a), so that two weights never share their numbers by accident. */
export function deriveSeed(seed: number, ...names: readonly string[]): number {
  let hash = 0x811c9dc5 ^ (seed >>> 0)
  for (const character of `${seed}/${names.join('/')}`) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193)
  }
  return hash >>> 0
}
