/**
 * Linear combinations as offset + sum of coefficient * atom, and the one identity that ties pairs together:
 * max(a, b) + min(a, b) = a + b.
 * @module
 */
import type { ExpressionId } from '../../ops/symbolic.ts'
import { add, type Inexact, multiply } from './exactness.ts'
import type { ExpressionStore, Term } from './expression-store.ts'

export interface LinearForm {
  readonly offset: Inexact
  /** Sorted by id; ids distinct, neither linear nor constant. */
  readonly terms: readonly Term[]
}

const NONE: Inexact = { value: 0, slack: 0 }
const ONE: Inexact = { value: 1, slack: 0 }

/** Any expression read as a linear form; an atom is 1 * itself. */
export function linearForm(store: ExpressionStore, id: ExpressionId): LinearForm {
  const kind = store.kind(id)
  if (kind === 'constant') return { offset: { value: store.value(id), slack: store.slack(id) }, terms: [] }
  if (kind !== 'linear') return { offset: NONE, terms: [{ id, ...ONE }] }
  const terms: Term[] = []
  for (let k = 0; k < store.count(id); k++)
    terms.push({ id: store.argument(id, k), value: store.coefficient(id, k), slack: store.coefficientSlack(id, k) })
  return { offset: { value: store.value(id), slack: store.slack(id) }, terms }
}

/** sum of coefficients[i] * ids[i], expanded into atoms; `extreme` builds max and min of a pair. */
export function combine(
  store: ExpressionStore,
  ids: readonly ExpressionId[],
  coefficients: readonly Inexact[],
  extreme: (pair: readonly ExpressionId[], largest: boolean) => ExpressionId,
): LinearForm {
  let offset = NONE
  const found = new Map<ExpressionId, Inexact>()
  let kinked = false
  const collect = (id: ExpressionId, value: Inexact): void => {
    const before = found.get(id)
    found.set(id, before ? add(before, value) : value)
    kinked ||= store.kind(id) === 'order'
  }
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!
    const factor = coefficients[i]!
    const kind = store.kind(id)
    if (kind === 'constant') {
      offset = add(offset, multiply(factor, { value: store.value(id), slack: store.slack(id) }))
    } else if (kind === 'linear') {
      const form = linearForm(store, id)
      if (form.offset.value !== 0 || form.offset.slack !== 0) offset = add(offset, multiply(factor, form.offset))
      for (const term of form.terms)
        collect(term.id, term.value === 1 && term.slack === 0 ? factor : multiply(factor, term))
    } else collect(id, factor)
  }
  if (kinked && found.size > 1) offset = pairUp(store, found, offset, extreme)
  const terms: Term[] = []
  for (const [id, { value, slack }] of found) if (value !== 0 || slack !== 0) terms.push({ id, value, slack })
  return { offset, terms: terms.length > 1 ? terms.sort((a, b) => a.id - b.id) : terms }
}

/**
 * Where a term is max(a, b) or min(a, b) and the others of a, b, max, min occur too, adds the multiple of
 * a + b - max - min = 0 that leaves the fewest terms: b + relu(a - b) = max(a, b) - b + b becomes max(a, b),
 * a - relu(a - b) becomes min(a, b), and 1/2 (a + b + |a - b|) becomes max(a, b).
 */
function pairUp(
  store: ExpressionStore,
  found: Map<ExpressionId, Inexact>,
  offset: Inexact,
  extreme: (pair: readonly ExpressionId[], largest: boolean) => ExpressionId,
): Inexact {
  let shift = offset
  for (const id of [...found.keys()]) {
    if (store.kind(id) !== 'order' || !found.has(id)) continue
    const set = store.argument(id, 0)
    if (store.count(set) !== 2) continue
    const pair = [store.argument(set, 0), store.argument(set, 1)]
    // A combination in the pair is no atom of this form; a constant counts into the offset.
    if (pair.some((p) => store.kind(p) === 'linear')) continue
    const partner = extreme(pair, store.label(id) === 1)
    const family = [...pair, id, partner]
    // min(a, max(a, c)) has max(a, c) for its partner, which is of the pair: four different ones are what the identity ties.
    if (pair.includes(partner)) continue
    if (store.kind(partner) !== 'order' || family.filter((f) => found.has(f)).length < 2) continue
    const at = (f: ExpressionId): Inexact => found.get(f) ?? NONE
    if (family.some((f) => at(f).slack !== 0)) continue
    const signs = [1, 1, -1, -1]
    const moved = (t: number) =>
      family.map((f, k) => (store.kind(f) === 'constant' ? NONE : add(at(f), { value: signs[k]! * t, slack: 0 })))
    const cost = (t: number) => moved(t).filter((c) => c.value !== 0 || c.slack !== 0).length
    const exact = (t: number) => moved(t).every((c) => c.slack === 0)
    const candidates = family.map((f, k) => -signs[k]! * at(f).value).filter((t) => t !== 0 && exact(t))
    const best = candidates.reduce((a, t) => (cost(t) < cost(a) ? t : a), 0)
    if (best === 0) continue
    const values = moved(best)
    family.forEach((f, k) => {
      if (store.kind(f) === 'constant')
        shift = add(
          shift,
          multiply({ value: signs[k]! * best, slack: 0 }, { value: store.value(f), slack: store.slack(f) }),
        )
      else if (values[k]!.value === 0) found.delete(f)
      else found.set(f, values[k]!)
    })
  }
  return shift
}
