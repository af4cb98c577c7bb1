import type { NdArray } from '../onnx/ir.ts'
import { expressions } from './broadcast.ts'
import { invalid } from './invalid.ts'
import { zeros } from './movement.ts'
import { sliceDims, slicesOf } from './nd-indices.ts'
import type { Operator, Site } from './operator.ts'
import { sqrtUp } from './round-up.ts'
import { dot, exact, unbounded } from './rules.ts'
import { linearReduction, meet, nonlinearScatter, scatterReduction } from './scatter-reduction.ts'
import { hypotUp, sumUp, timesUp } from './sum-up.ts'

/** A copy of the data in which the slices that index tuples address are replaced by, or combined with, the updates. */
export const ScatterND: Operator = {
  type: 'ScatterND',
  opsets: [11, 25],
  shape: (site) => {
    const { type, dims } = site.input(0)
    const expected = sliceDims(site, dims, site.input(1).dims, 0)
    if (`${expected}` !== `${site.input(2).dims}`) {
      throw invalid(site, `has updates [${site.input(2).dims}] where [${expected}] are due`)
    }
    scatterReduction(site)
    return [{ type, dims }]
  },
  evaluate: (site, inputs) => {
    const [data, indices, updates] = inputs as readonly NdArray[]
    const { starts, size } = slicesOf(site, data!.dims, indices!, 0)
    const combined = meet(scatterReduction(site))
    const result = data!.data.slice()
    for (let t = 0, i = 0; t < starts.length; t++) {
      for (let j = starts[t]!; j < starts[t]! + size; j++, i++) {
        result[j] = combined(result[j]!, updates!.data[i]!)
      }
    }
    return [{ type: data!.type, dims: data!.dims, data: result }]
  },
  lipschitz: (site) => {
    if (!site.constant(1)) return unbounded('the positions that it writes depend on the input, so it jumps')
    const reduction = scatterReduction(site)
    const other = nonlinearScatter(reduction)
    if (other) return other
    const shared = mostShared(site)
    if (reduction === 'add') {
      return {
        kind: 'combine',
        linear: true,
        because: `updates are added in place; up to ${shared} share one`,
        combine: ([data, , updates]) => sumUp([data ?? 0, timesUp(sqrtUp(shared), updates ?? 0)]),
      }
    }
    if (shared > 1)
      return unbounded('several updates go to one place, and the specification leaves open which one stays')
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
    if (reduction !== 'add') return exact
    return site.constant(1) ? dot(mostShared(site) + 1) : dot(site.input(1).dims.reduce((a, b) => a * b, 1) + 1)
  },
  rows: () => 'mixed',
  symbolic: (site, inputs, pool) => {
    const data = expressions(site, inputs, 0, pool)
    const updates = expressions(site, inputs, 2, pool)
    const indices = site.constant(1)
    if (!data || !updates || !indices || scatterReduction(site) !== 'none' || mostShared(site) > 1) return undefined
    const { starts, size } = slicesOf(site, data.dims, indices, 0)
    const ids = data.ids.slice()
    starts.forEach((start, t) => {
      ids.set(updates.ids.subarray(t * size, (t + 1) * size), start)
    })
    return [{ dims: data.dims, ids }]
  },
  vjp: (site, b, [dy], wanted) => {
    if (dy === undefined) return [undefined, undefined, undefined]
    const indices = site.input(1).name
    const none = linearReduction(site) === 'none'
    const kept = () => (none ? b.node('ScatterND', [dy, indices, zeros(b, site.input(2).dims)]) : dy)
    return [wanted[0] ? kept() : undefined, undefined, wanted[2] ? b.node('GatherND', [dy, indices]) : undefined]
  },
}

/** The largest number of updates that go to one place. */
function mostShared(site: Site): number {
  const indices = site.constant(1)
  if (!indices) return Number.POSITIVE_INFINITY
  const counts = new Map<number, number>()
  for (const start of slicesOf(site, site.input(0).dims, indices, 0).starts) {
    counts.set(start, (counts.get(start) ?? 0) + 1)
  }
  return [...counts.values()].reduce((most, count) => Math.max(most, count), 1)
}
