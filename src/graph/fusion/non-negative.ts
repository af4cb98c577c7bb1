import type { ExpressionId } from '../../ops/symbolic.ts'
import type { ExpressionStore } from './expression-store.ts'

export type NonNegativity = (id: ExpressionId) => boolean

/** The predicate "proved non-negative for every value of the leaves"; false = not proved. Remembers its answers. */
export function createNonNegativity(store: ExpressionStore): NonNegativity {
  /** By id: 0 = not asked yet, 1 = proved, 2 = not proved. */
  let known = new Uint8Array(2 ** 9)

  function linear(id: ExpressionId): boolean {
    if (!(store.value(id) - store.slack(id) >= 0)) return false
    for (let k = 0; k < store.count(id); k++) {
      if (!(store.coefficient(id, k) - store.coefficientSlack(id, k) >= 0)) return false
      if (!holds(store.argument(id, k))) return false
    }
    return true
  }

  /** The r-th smallest of n is non-negative when at least n - r + 1 of them are. */
  function order(id: ExpressionId): boolean {
    const set = store.argument(id, 0)
    let found = 0
    for (let k = 0; k < store.count(set); k++) if (holds(store.argument(set, k))) found++
    return found >= store.count(set) - store.label(id) + 1
  }

  function holds(id: ExpressionId): boolean {
    const kind = store.kind(id)
    if (kind === 'constant') return store.value(id) - store.slack(id) >= 0
    if (kind === 'abs' || kind === 'square' || kind === 'sqrt') return true
    if (kind !== 'linear' && kind !== 'order') return false
    if (id >= known.length) {
      const larger = new Uint8Array(2 * Math.max(id, known.length))
      larger.set(known)
      known = larger
    }
    if (known[id] !== 0) return known[id] === 1
    const answer = kind === 'linear' ? linear(id) : order(id)
    known[id] = answer ? 1 : 2
    return answer
  }
  return holds
}

/** A square, or a combination of squares with positive coefficients plus a constant that is not negative. */
export function isQuadratic(store: ExpressionStore, id: ExpressionId): boolean {
  if (store.kind(id) === 'square') return true
  if (store.kind(id) !== 'linear' || !(store.value(id) - store.slack(id) >= 0)) return false
  for (let k = 0; k < store.count(id); k++) {
    if (store.kind(store.argument(id, k)) !== 'square') return false
    if (!(store.coefficient(id, k) - store.coefficientSlack(id, k) > 0)) return false
  }
  return true
}
