import type { NdArray } from '../onnx/ir.ts'
import {
  broadcastDims,
  broadcastIndex,
  broadcastShape,
  expressions,
  repetitionNorm,
  sumTo,
  zipExpressions,
} from './broadcast.ts'
import { sizeOf } from './dims.ts'
import type { Operator } from './operator.ts'
import { dynamicInputs, exact, move, unbounded } from './rules.ts'
import { hypotUp, timesUp } from './sum-up.ts'

/** y = condition ? a : b, with broadcasting. */
export const Where: Operator = {
  type: 'Where',
  shape: (site) => [{ type: site.input(1).type, dims: broadcastShape(site) }],
  evaluate: (site, inputs) => {
    const [condition, a, b] = inputs as readonly NdArray[]
    const dims = broadcastDims(site, [condition.dims, a.dims, b.dims])
    const [p, q, r] = [condition, a, b].map((operand) => broadcastIndex(operand.dims, dims))
    const data = new Float64Array(sizeOf(dims))
    for (let i = 0; i < data.length; i++) data[i] = condition.data[p[i]] !== 0 ? a.data[q[i]] : b.data[r[i]]
    return [{ type: a.type, dims, data }]
  },
  lipschitz: (site) => {
    const dynamic = dynamicInputs(site)
    if (dynamic.includes(0)) return unbounded('which of its operands it takes depends on the input, so it may jump')
    if (dynamic.length === 1) return move
    const target = broadcastShape(site)
    const repeat = (index: number) => repetitionNorm(site.input(index).dims, target)
    return {
      kind: 'combine',
      linear: true,
      because: 'a fixed choice of elements: distances add up in quadrature',
      combine: (bounds) =>
        hypotUp(bounds.map((bound, index) => (bound === undefined ? 0 : timesUp(repeat(index), bound)))),
    }
  },
  relativeError: (_, [, a, b]) => Math.max(a, b),
  rounding: () => exact,
  rows: () => 'elementwise',
  // A constant operand is a value, not an element of the input: on expressions it must be a constant expression.
  symbolic: (site, inputs, pool) => {
    const condition = site.constant(0)
    const a = expressions(site, inputs, 1, pool)
    const b = expressions(site, inputs, 2, pool)
    if (!condition) return zipExpressions(site, inputs, pool, ([c, x, y]) => pool.choose(c, x, y))
    if (!a || !b) return undefined
    const dims = broadcastDims(site, [condition.dims, a.dims, b.dims])
    const [p, q, r] = [condition, a, b].map((operand) => broadcastIndex(operand.dims, dims))
    const ids = new Float64Array(sizeOf(dims))
    for (let i = 0; i < ids.length; i++) ids[i] = condition.data[p[i]] !== 0 ? a.ids[q[i]] : b.ids[r[i]]
    return [{ dims, ids }]
  },
  vjp: (site, b, [dy], wanted) => {
    if (!dy) return [undefined, undefined, undefined]
    const condition = site.input(0).name
    const target = site.outputs[0].dims
    const zero = b.constant([0], [])
    const [x, y] = [site.input(1), site.input(2)]
    return [
      undefined,
      wanted[1] ? sumTo(b, b.node('Where', [condition, dy, zero]), target, x.dims) : undefined,
      wanted[2] ? sumTo(b, b.node('Where', [condition, zero, dy]), target, y.dims) : undefined,
    ]
  },
}
