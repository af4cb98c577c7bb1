import { broadcastDims, broadcastShape, sumTo, zip, zipExpressions } from './broadcast.ts'
import { largestOf, slopeUp, times } from './interval.ts'
import type { Operator } from './operator.ts'
import { relative, unbounded } from './rules.ts'
import { scaling } from './scaling.ts'

/** y = a * b with broadcasting. */
export const Mul: Operator = {
  type: 'Mul',
  shape: (site) => [{ type: site.input(0).type, dims: broadcastShape(site) }],
  evaluate: (site, [a, b]) => [zip(site, a!, b!, (x, y) => x * y)],
  relativeError: (_, [a, b]) => (1 + a) * (1 + b) * (1 + 2 ** -50) - 1,
  lipschitz: (site) => {
    const [a, b] = [site.constant(0), site.constant(1)]
    if (a) return scaling(a, site.input(1).dims, broadcastDims(site, [a.dims, site.input(1).dims]))
    if (b) return scaling(b, site.input(0).dims, broadcastDims(site, [site.input(0).dims, b.dims]))
    return unbounded('a product of two values that both depend on the input grows without bound')
  },
  range: (_, [a, b]) => times(a!, b!),
  slopes: (_, [a, b]) => [slopeUp(largestOf(b!)), slopeUp(largestOf(a!))],
  rounding: () => relative(1),
  rows: () => 'elementwise',
  symbolic: (site, inputs, pool) => zipExpressions(site, inputs, pool, ([a, b]) => pool.multiply(a, b)),
  vjp: (site, b, [dy], wanted) => {
    if (!dy) return [undefined, undefined]
    const gradient = (index: number) =>
      sumTo(b, b.node('Mul', [dy, site.input(1 - index).name]), site.outputs[0].dims, site.input(index).dims)
    return [wanted[0] ? gradient(0) : undefined, wanted[1] ? gradient(1) : undefined]
  },
}
