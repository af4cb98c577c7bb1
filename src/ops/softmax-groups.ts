import type { Shape } from '../onnx/ir.ts'
import { normaliseAxis } from './axes.ts'
import { sizeOf } from './dims.ts'
import { type Lines, linesOf } from './lines.ts'
import type { Operator, Site } from './operator.ts'

/** What Softmax and LogSoftmax normalise over. */
export interface SoftmaxGroups {
  /** The class axis. */
  readonly axis: number
  /** All axes that one group spans: the axis alone, or before opset 13 the axis and everything behind it. */
  readonly axes: readonly number[]
  readonly lines: Lines
}

/** From opset 13 a group is a line along `axis` (default -1); before, the tensor is flattened to two dims at `axis` (default 1). */
export function softmaxGroups(site: Site): SoftmaxGroups {
  const { dims } = site.input(0)
  if (site.opset >= 13) {
    const axis = normaliseAxis(site, site.int('axis', -1), dims.length)
    return { axis, axes: [axis], lines: linesOf(dims, axis) }
  }
  const axis = normaliseAxis(site, site.int('axis', 1), dims.length)
  const flat: Shape = [sizeOf(dims.slice(0, axis)), sizeOf(dims.slice(axis))]
  const axes = dims.map((_, i) => i).slice(axis)
  return { axis, axes, lines: linesOf(flat, 1) }
}

/** Rows are mixed only when the groups lie across axis 0. */
export const softmaxRows: Operator['rows'] = (site) => (softmaxGroups(site).axes.includes(0) ? 'mixed' : 'rows')

/** log(sum exp), shifted by the largest entry. */
export function logSumExp(values: Float64Array): number {
  const { top, sum } = shiftedSum(values)
  return Number.isFinite(top) ? top + Math.log(sum) : top
}

/** The largest entry and the sum of exp(value - largest). */
export function shiftedSum(values: Float64Array): { readonly top: number; readonly sum: number } {
  const top = values.reduce((best, value) => Math.max(best, value), -Infinity)
  return { top, sum: values.reduce((sum, value) => sum + Math.exp(value - top), 0) }
}
