/** Numbers roughly normal, the same for the same seed (a 32-bit mixing generator; tests need no better). */
export function streamFrom(seed: number): () => number {
  let state = (seed * 2654435761 + 1) >>> 0
  const uniform = (): number => {
    state = (state + 0x9e3779b9) >>> 0
    let z = state
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
    return ((z ^ (z >>> 16)) >>> 0) / 2 ** 32
  }
  return () => uniform() + uniform() + uniform() + uniform() - 2
}
