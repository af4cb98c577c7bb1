import type { NdArray, Shape } from '../onnx/ir.ts'
import { normaliseAxis } from './axes.ts'
import { expressions } from './broadcast.ts'
import { stridesOf } from './dims.ts'
import { invalid } from './invalid.ts'
import { zeros } from './movement.ts'
import type { LipschitzRule, Operator, Site } from './operator.ts'
import { sqrtUp } from './round-up.ts'
import { dot, dynamicInputs, exact, move, unbounded } from './rules.ts'
import { linearReduction, meet, nonlinearScatter, scatterReduction } from './scatter-reduction.ts'
import { hypotUp, sumUp, timesUp } from './sum-up.ts'

/** A copy of the data in which the elements that `indices` names along one axis are replaced by, or combined with, the updates. */
export const ScatterElements: Operator = {
  type: 'ScatterElements',
  opsets: [11, 25],
  shape: (site) => {
    const { type, dims } = site.input(0)
    return [{ type, dims }]
  },
  evaluate: (site, inputs) => {
    const [data, indices, updates] = inputs as readonly NdArray[]
    const result = data.data.slice()
    const to = targets(site, data.dims, indices)
    const combined = meet(scatterReduction(site))
    for (let i = 0; i < to.length; i++) result[to[i]] = combined(result[to[i]], updates.data[i])
    return [{ type: data.type, dims: data.dims, data: result }]
  },
  lipschitz: (site) => {
    const indices = site.constant(1)
    if (!indices) return unbounded('the positions that it writes depend on the input, so it jumps')
    const reduction = scatterReduction(site)
    const other = nonlinearScatter(reduction)
    if (other) return other
    if (reduction === 'add') return adding(site, indices)
    if (mostShared(site, indices) > 1)
      return unbounded('several updates go to one place, and the specification leaves open which one stays')
    if (dynamicInputs(site).length === 1) return move
    return {
      kind: 'combine',
      linear: true,
      because: 'a fixed choice of elements: distances add up in quadrature',
      combine: ([data, , updates]) => hypotUp([data ?? 0, updates ?? 0]),
    }
  },
  rounding: (site) => {
    const reduction = scatterReduction(site)
    if (reduction === 'mul') return { kind: 'unknown', because: 'a partial product may underflow' }
    return reduction === 'add' ? dot(site.input(1).dims.reduce((a, b) => a * b, 1) + 1) : exact
  },
  rows: (site) => (axisOf(site) === 0 ? 'mixed' : 'rows'),
  symbolic: (site, inputs, pool) => {
    const data = expressions(site, inputs, 0, pool)
    const indices = site.constant(1)
    const updates = expressions(site, inputs, 2, pool)
    if (!data || !indices || !updates || scatterReduction(site) !== 'none') return undefined
    if (mostShared(site, indices) > 1) return undefined
    const ids = data.ids.slice()
    targets(site, data.dims, indices).forEach((to, i) => {
      ids[to] = updates.ids[i]
    })
    return [{ dims: data.dims, ids }]
  },
  vjp: (site, b, [dy], wanted) => {
    if (!dy) return [undefined, undefined, undefined]
    const axis = axisOf(site)
    const indices = site.input(1).name
    const kept = () =>
      linearReduction(site) === 'add'
        ? dy
        : b.node('ScatterElements', [dy, indices, zeros(b, site.input(1).dims)], { axis })
    return [
      wanted[0] ? kept() : undefined,
      undefined,
      wanted[2] ? b.node('GatherElements', [dy, indices], { axis }) : undefined,
    ]
  },
}

function axisOf(site: Site): number {
  return normaliseAxis(site, site.int('axis', 0), site.input(0).dims.length)
}

/** Position in the data of every update. */
function targets(site: Site, dims: Shape, indices: NdArray): Int32Array {
  const axis = axisOf(site)
  const strides = stridesOf(dims)
  const counter = new Int32Array(dims.length)
  return Int32Array.from(indices.data, (index) => {
    const position = index < 0 ? index + dims[axis] : index
    if (!(position >= 0 && position < dims[axis]))
      throw invalid(site, `writes position ${index} of an axis of ${dims[axis]}`)
    let to = 0
    for (let k = 0; k < dims.length; k++) to += (k === axis ? position : counter[k]) * strides[k]
    for (let k = dims.length - 1; k >= 0 && ++counter[k] === indices.dims[k]; k--) counter[k] = 0
    return to
  })
}

/** data + S updates, where S^T S is diagonal up to shared targets: its norm is the root of the largest number that share one. */
function adding(site: Site, indices: NdArray): LipschitzRule {
  const shared = mostShared(site, indices)
  const norm = sqrtUp(shared)
  return {
    kind: 'combine',
    linear: true,
    because: `updates are added in place; up to ${shared} share one`,
    combine: ([data, , updates]) => sumUp([data ?? 0, timesUp(norm, updates ?? 0)]),
  }
}

/** The largest number of updates that go to one place. */
function mostShared(site: Site, indices: NdArray): number {
  const counts = new Map<number, number>()
  for (const to of targets(site, site.input(0).dims, indices)) counts.set(to, (counts.get(to) ?? 0) + 1)
  return [...counts.values()].reduce((most, count) => Math.max(most, count), 0)
}
