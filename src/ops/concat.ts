import type { NdArray, Shape } from '../onnx/ir.ts'
import { normaliseAxis } from './axes.ts'
import { expressions } from './broadcast.ts'
import { sizeOf } from './dims.ts'
import { invalid } from './invalid.ts'
import type { Operator, Site } from './operator.ts'
import { closedForm, dynamicInputs, exact } from './rules.ts'
import { hypotUp } from './sum-up.ts'

/** The inputs one after another along `axis`. */
export const Concat: Operator = {
  type: 'Concat',
  shape: (site) => {
    const all = site.inputs.map((_, index) => site.input(index).dims)
    return [{ type: site.input(0).type, dims: joined(site, all) }]
  },
  evaluate: (site, inputs) => {
    const parts = inputs as readonly NdArray[]
    const dims = joined(
      site,
      parts.map((part) => part.dims),
    )
    return [{ type: parts[0].type, dims, data: join(site, parts, dims) }]
  },
  relativeError: (_, errors) => Math.max(...errors),
  /** Every input keeps its own place in the output: distances add up in quadrature. */
  lipschitz: (site) =>
    dynamicInputs(site).length === 1
      ? closedForm(1, 'constants beside a value move nothing')
      : {
          kind: 'combine',
          linear: true,
          because: 'the parts of a concatenation are orthogonal: their distances add up in quadrature',
          combine: (bounds) => hypotUp(bounds.map((bound) => bound ?? 0)),
        },
  rounding: () => exact,
  rows: (site) => (axisOf(site, site.input(0).dims) === 0 ? 'mixed' : 'rows'),
  vjp: (site, b, [dy], wanted) => {
    if (!dy) return site.inputs.map(() => undefined)
    const axis = axisOf(site, site.input(0).dims)
    const sizes = site.inputs.map((_, index) => site.input(index).dims[axis])
    if (site.inputs.length === 1) return [dy]
    if (wanted.filter(Boolean).length > 1) {
      const parts = b.nodes('Split', [dy, b.indices(sizes)], sizes.length, { axis })
      return parts.map((part, index) => (wanted[index] ? part : undefined))
    }
    return sizes.map((size, index) => {
      if (!wanted[index]) return undefined
      const start = sizes.slice(0, index).reduce((sum, dim) => sum + dim, 0)
      return b.node('Slice', [dy, b.indices([start]), b.indices([start + size]), b.indices([axis])])
    })
  },
  symbolic: (site, inputs, pool) => {
    const parts = site.inputs.map((_, index) => expressions(site, inputs, index, pool))
    if (!parts.every((part) => part !== undefined)) return undefined
    const dims = joined(
      site,
      parts.map((part) => part.dims),
    )
    return [
      {
        dims,
        ids: join(
          site,
          parts.map((part) => ({ dims: part.dims, data: part.ids })),
          dims,
        ),
      },
    ]
  },
}

function axisOf(site: Site, dims: Shape): number {
  return normaliseAxis(site, site.int('axis'), dims.length)
}

function joined(site: Site, all: readonly Shape[]): number[] {
  const axis = axisOf(site, all[0])
  const dims = [...all[0]]
  for (const other of all.slice(1)) {
    if (other.length !== dims.length || other.some((dim, k) => k !== axis && dim !== dims[k]))
      throw invalid(site, `cannot join shapes ${all.map((shape) => `[${shape}]`).join(', ')} along axis ${axis}`)
    dims[axis] += other[axis]
  }
  return dims
}

function join(
  site: Site,
  parts: readonly { readonly dims: Shape; readonly data: Float64Array }[],
  dims: Shape,
): Float64Array<ArrayBuffer> {
  const axis = axisOf(site, dims)
  const outer = sizeOf(dims.slice(0, axis))
  const width = sizeOf(dims.slice(axis))
  const data = new Float64Array(outer * width)
  let column = 0
  for (const part of parts) {
    const block = sizeOf(part.dims.slice(axis))
    for (let row = 0; row < outer; row++)
      data.set(part.data.subarray(row * block, (row + 1) * block), row * width + column)
    column += block
  }
  return data
}
