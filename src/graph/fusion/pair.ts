import type { ExpressionId } from '../../ops/symbolic.ts'
import { type Inexact, multiply } from './exactness.ts'
import type { ExpressionStore, Term } from './expression-store.ts'
import { linearForm } from './linear-form.ts'

/** a - b = scale (p - q), all exact. */
export interface Difference {
  readonly scale: number
  readonly p: ExpressionId
  readonly q: ExpressionId
}

/** a - b as a multiple of a difference of two expressions, where it is one exactly; undefined otherwise. */
export function difference(store: ExpressionStore, a: ExpressionId, b: ExpressionId): Difference | undefined {
  const left = linearForm(store, a)
  const right = linearForm(store, b)
  if (left.terms.length + right.terms.length > 6) return undefined
  const exact = [left, right].every((form) => [form.offset, ...form.terms].every((term) => term.slack === 0))
  if (!exact || left.offset.value !== right.offset.value) return undefined
  const rest = new Map<ExpressionId, number>()
  const collect = (terms: readonly Term[], factor: number): boolean =>
    terms.every(({ id, value }) => {
      const before = rest.get(id)
      if (before === undefined) rest.set(id, factor * value)
      // Only what cancels altogether is followed: no rounding can occur.
      else if (before === -factor * value) rest.delete(id)
      else return false
      return true
    })
  if (!collect(left.terms, 1) || !collect(right.terms, -1) || rest.size !== 2) return undefined
  const [[p, scale], [q, opposite]] = [...rest] as [[ExpressionId, number], [ExpressionId, number]]
  return scale === -opposite ? { scale, p, q } : undefined
}

/** s with a = s b, where it is one number and every product is exact; undefined otherwise. */
export function proportion(store: ExpressionStore, a: ExpressionId, b: ExpressionId): number | undefined {
  const [left, right] = [linearForm(store, a), linearForm(store, b)]
  if (left.terms.length === 0 || left.terms.length !== right.terms.length) return undefined
  const scale = left.terms[0]!.value / right.terms[0]!.value
  const matches = (p: Inexact, q: Inexact): boolean => {
    const product = multiply({ value: scale, slack: 0 }, q)
    return p.slack === 0 && q.slack === 0 && product.slack === 0 && product.value === p.value
  }
  const same = left.terms.every((term, k) => term.id === right.terms[k]!.id && matches(term, right.terms[k]!))
  return same && matches(left.offset, right.offset) ? scale : undefined
}
