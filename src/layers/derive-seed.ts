/** Derives an independent seed from a seed and names (FNV-1a), so that two weights never share their numbers by accident. */
export function deriveSeed(seed: number, ...names: readonly string[]): number {
  let hash = 0x811c9dc5
  for (const character of `${seed}/${names.join('/')}`) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193)
  }
  return hash >>> 0
}
