import type { Shape } from '../onnx/ir.ts'
import { constantIntegers, normaliseAxis } from './axes.ts'
import { stridesOf } from './dims.ts'
import { invalid } from './invalid.ts'
import { copyStrided, movement, zeros } from './movement.ts'
import type { GradientBuilder, Operator, Site } from './operator.ts'

/** Elements start, start + step, … of one axis. */
interface Range {
  readonly start: number
  readonly step: number
  readonly count: number
}

/** A strided part of every axis; starts, ends, axes are attributes before opset 10, inputs (with steps) from then on. */
export const Slice: Operator = {
  type: 'Slice',
  ...movement,
  shape: (site) => {
    const { type, dims } = site.input(0)
    return [{ type, dims: rangesOf(site, dims).map(({ count }) => count) }]
  },
  evaluate: (site, [x]) => {
    const ranges = rangesOf(site, x!.dims)
    const strides = stridesOf(x!.dims)
    const dims = ranges.map(({ count }) => count)
    const offset = ranges.reduce((sum, { start }, axis) => sum + start * strides[axis], 0)
    const steps = ranges.map(({ step }, axis) => step * strides[axis])
    return [{ type: x!.type, dims, data: copyStrided(x!.data, dims, steps, offset) }]
  },
  vjp: (site, b, [dy]) => {
    const { dims } = site.input(0)
    return [dy && scatterRanges(b, dy, dims, rangesOf(site, dims))]
  },
}

function rangesOf(site: Site, dims: Shape): readonly Range[] {
  const legacy = site.opset < 10
  const starts = legacy ? site.ints('starts') : constantIntegers(site, 1)
  const ends = legacy ? site.ints('ends') : constantIntegers(site, 2)
  const optional = (index: number) => (site.inputs[index] ? constantIntegers(site, index) : undefined)
  const axes =
    (legacy ? (site.has('axes') ? site.ints('axes') : undefined) : optional(3)) ?? starts.map((_, axis) => axis)
  const steps = (legacy ? undefined : optional(4)) ?? starts.map(() => 1)
  if (ends.length !== starts.length || axes.length !== starts.length || steps.length !== starts.length)
    throw invalid(site, 'has starts, ends, axes and steps of different lengths')
  const ranges: Range[] = dims.map((dim) => ({ start: 0, step: 1, count: dim }))
  axes.forEach((named, k) => {
    const axis = normaliseAxis(site, named, dims.length)
    ranges[axis] = rangeOf(site, starts[k], ends[k], steps[k], dims[axis])
  })
  return ranges
}

function rangeOf(site: Site, start: number, end: number, step: number, dim: number): Range {
  if (step === 0) throw invalid(site, 'has a step of 0')
  const clamp = (value: number, low: number, high: number) =>
    Math.min(Math.max(value < 0 ? value + dim : value, low), high)
  const from = step > 0 ? clamp(start, 0, dim) : clamp(start, 0, dim - 1)
  const to = step > 0 ? clamp(end, 0, dim) : clamp(end, -1, dim - 1)
  return { start: from, step, count: Math.max(0, Math.ceil((to - from) / step)) }
}

/** Puts every element back where it came from, zeros elsewhere. */
function scatterRanges(b: GradientBuilder, dy: string, dims: Shape, ranges: readonly Range[]): string {
  if (ranges.some(({ count }) => count === 0)) return zeros(b, dims)
  const begins: number[] = []
  const ends: number[] = []
  let value = dy
  const current = ranges.map(({ count }) => count)
  ranges.forEach(({ start, step, count }, axis) => {
    if (step < 0) {
      const reversed = [b.indices([-1]), b.indices([-(count + 1)]), b.indices([axis]), b.indices([-1])]
      value = b.node('Slice', [value, ...reversed])
    }
    const stride = Math.abs(step)
    const first = step < 0 ? start + (count - 1) * step : start
    if (stride > 1 && count > 1) {
      // Pad cannot interleave: a new axis of length `stride` whose first entry is the element does.
      const rank = current.length + 1
      const split = [...current.slice(0, axis + 1), 1, ...current.slice(axis + 1)]
      const pads = [...new Array<number>(rank).fill(0), ...split.map((_, k) => (k === axis + 1 ? stride - 1 : 0))]
      value = b.node('Pad', [b.node('Reshape', [value, b.indices(split)]), b.indices(pads)])
      current[axis] = count * stride
      value = b.node('Reshape', [value, b.indices(current)])
    }
    begins.push(first)
    // Negative where the zeros after the last element reach beyond the end: Pad then crops them.
    ends.push(dims[axis] - first - current[axis])
  })
  if (begins.every((pad) => pad === 0) && ends.every((pad) => pad === 0)) return value
  return b.node('Pad', [value, b.indices([...begins, ...ends])])
}
