import type { Shape } from '../onnx/ir.ts'
import { constantIntegers, normaliseAxis } from './axes.ts'
import { sizeOf } from './dims.ts'
import { invalid } from './invalid.ts'
import { movement, zeros } from './movement.ts'
import type { Operator, Site } from './operator.ts'

/** Cuts the input along `axis` into parts: sizes from `split` (an attribute before opset 13), or as equal as can be. */
export const Split: Operator = {
  type: 'Split',
  ...movement,
  shape: (site) => {
    const { type, dims } = site.input(0)
    const axis = axisOf(site, dims)
    return sizesOf(site, dims[axis]).map((size) => ({ type, dims: dims.with(axis, size) }))
  },
  evaluate: (site, [x]) => {
    const axis = axisOf(site, x!.dims)
    const outer = sizeOf(x!.dims.slice(0, axis))
    const inner = sizeOf(x!.dims.slice(axis + 1))
    const width = x!.dims[axis] * inner
    let start = 0
    return sizesOf(site, x!.dims[axis]).map((size) => {
      const block = size * inner
      const data = new Float64Array(outer * block)
      for (let row = 0; row < outer; row++) {
        const from = row * width + start
        data.set(x!.data.subarray(from, from + block), row * block)
      }
      start += block
      return { type: x!.type, dims: x!.dims.with(axis, size), data }
    })
  },
  vjp: (site, b, cotangents) => {
    const { dims } = site.input(0)
    const axis = axisOf(site, dims)
    if (cotangents.every((cotangent) => !cotangent)) return [undefined]
    const sizes = sizesOf(site, dims[axis])
    const parts = sizes.map((size, index) => cotangents[index] ?? zeros(b, dims.with(axis, size)))
    return [parts.length === 1 ? parts[0] : b.node('Concat', parts, { axis })]
  },
}

function axisOf(site: Site, dims: Shape): number {
  return normaliseAxis(site, site.int('axis', 0), dims.length)
}

function sizesOf(site: Site, total: number): readonly number[] {
  const given = site.opset < 13 ? site.ints('split', []) : site.inputs[1] ? constantIntegers(site, 1) : []
  const outputs = site.node.outputs.length
  if (given.length > 0) {
    if (given.length !== outputs || given.some((size) => size < 0) || given.reduce((a, b) => a + b, 0) !== total)
      throw invalid(site, `splits ${total} elements into [${given}] for ${outputs} outputs`)
    return given
  }
  const count = site.opset >= 18 ? site.int('num_outputs', outputs) : outputs
  if (count !== outputs) throw invalid(site, `has num_outputs ${count} and ${outputs} outputs`)
  if (site.opset < 18 && total % count !== 0)
    throw invalid(site, `cannot split ${total} elements into ${count} equal parts`)
  const size = Math.ceil(total / count)
  const sizes = Array.from({ length: count }, (_, index) => Math.min(size, total - index * size))
  if (sizes.some((part) => part < 0))
    throw invalid(site, `cannot split ${total} elements into ${count} parts of ${size}`)
  return sizes
}
