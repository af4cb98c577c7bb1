import type { Shape } from '../onnx/ir.ts'
import { invalid, unsupported } from './invalid.ts'
import type { Site } from './operator.ts'

/** An axis counted from the end when negative, as one counted from the start. */
export function normaliseAxis(site: Site, axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis
  if (positive < 0 || positive >= rank) throw invalid(site, `has axis ${axis} for a tensor of rank ${rank}`)
  return positive
}

/** Integers that older opsets hold in an attribute and newer ones in an input; undefined when neither is there. */
export function integersOf(site: Site, attribute: string, input: number): readonly number[] | undefined {
  if (site.has(attribute)) return site.ints(attribute)
  return site.inputs[input] ? constantIntegers(site, input) : undefined
}

/** The values of an integer input that must not depend on the graph's inputs. */
export function constantIntegers(site: Site, input: number): readonly number[] {
  site.input(input)
  const value = site.constant(input)
  if (!value) throw unsupported(site, `takes its input ${input} from a computed value where a constant is needed`)
  return Array.from(value.data)
}

/** The permutation that undoes `permutation`. */
export function inversePermutation(permutation: readonly number[]): number[] {
  const inverse = new Array<number>(permutation.length)
  permutation.forEach((from, to) => {
    inverse[from] = to
  })
  return inverse
}

/** dims without the listed axes. */
export function withoutAxes(dims: Shape, axes: readonly number[]): number[] {
  return dims.filter((_, axis) => !axes.includes(axis))
}
