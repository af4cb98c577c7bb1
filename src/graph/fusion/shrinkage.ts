/**
 * Soft shrinkage as a decision: |t| > c ? t - c sign(t) : 0, which PyTorch's exporters write for Softshrink.
 *
 * Identity. For c >= 0 the decision is t less the middle one of -c, t and c: where |t| > c that is c sign(t), and elsewhere it is t. At
 * |t| = c both sides are 0, so strict and other comparisons agree.
 * @module
 */
import type { ExpressionId } from '../../ops/symbolic.ts'
import type { ExpressionStore } from './expression-store.ts'
import { type LinearForm, linearForm } from './linear-form.ts'

export interface Shrinkage {
  readonly argument: ExpressionId
  readonly threshold: number
  /** The difference of the two sides is scale (t - c sign(t)), and scale / rate of what the condition asks about but for the sign. */
  readonly scale: number
  readonly rate: number
}

/** Reads e = rate (|t| - c) and gap = scale (t - c sign(t)), all of it exact; undefined when they are something else. */
export function shrinkage(store: ExpressionStore, e: ExpressionId, gap: ExpressionId): Shrinkage | undefined {
  const [condition, difference] = [linearForm(store, e), linearForm(store, gap)]
  if (!isExact(condition) || !isExact(difference)) return undefined
  const [size, ...more] = condition.terms
  if (!size || more.length > 0 || store.kind(size.id) !== 'abs' || !(size.value > 0)) return undefined
  const argument = store.argument(size.id, 0)
  const threshold = -condition.offset.value / size.value
  if (!(threshold >= 0) || threshold * size.value !== -condition.offset.value) return undefined
  if (difference.offset.value !== 0 || difference.terms.length !== 2) return undefined
  const line = difference.terms.find(({ id }) => id === argument)
  const sign = difference.terms.find(({ id }) => store.kind(id) === 'sign' && store.argument(id, 0) === argument)
  if (!line || !sign || sign.value !== -line.value * threshold) return undefined
  // Products of float32 numbers are exact in float64; anything else might be equal by rounding only.
  const held = [threshold, line.value, size.value, sign.value].every((value) => Math.fround(value) === value)
  return held ? { argument, threshold, scale: line.value, rate: size.value } : undefined
}

const isExact = ({ offset, terms }: LinearForm): boolean =>
  offset.slack === 0 && terms.every(({ slack }) => slack === 0)
