/**
 * Short constructors of the rules that rooms return.
 * @module
 */
import type { NdArray } from '../onnx/ir.ts'
import type { LipschitzRule, RoundingRule, Site } from './operator.ts'

export const move: LipschitzRule = { kind: 'move' }

export function constant(value: number, because: string): LipschitzRule {
  return { kind: 'constant', value, because }
}

export function unbounded(because: string): LipschitzRule {
  return { kind: 'unbounded', because }
}

/** Affine with a norm known in closed form (rounded up by the caller). */
export function closedForm(norm: number, because: string): LipschitzRule {
  if (!Number.isFinite(norm)) return unbounded('a constant of the node is infinite or not a number')
  return { kind: 'affine', structure: { kind: 'closed-form', norm, because } }
}

/** x -> scale * x, where the input has the shape of the output. */
export function diagonal(scale: NdArray): LipschitzRule {
  if (!allFinite(scale)) return unbounded('a constant of the node is infinite or not a number')
  return { kind: 'affine', structure: { kind: 'diagonal', scale } }
}

export function allFinite(values: NdArray): boolean {
  return values.data.every(Number.isFinite)
}

export const exact: RoundingRule = { kind: 'exact' }

export function relative(ulps: number): RoundingRule {
  return { kind: 'relative', ulps }
}

export function dot(terms: number): RoundingRule {
  return { kind: 'dot', terms }
}

/** Positions of the inputs that depend on the graph's inputs. */
export function dynamicInputs(site: Site): number[] {
  return site.inputs.flatMap((input, index) => (input && !input.constant ? [index] : []))
}
