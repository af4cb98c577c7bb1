import type { NdArray } from '../onnx/ir.ts'
import { broadcastDims, broadcastShape, sumTo, zip, zipExpressions } from './broadcast.ts'
import { EVERYWHERE, inverse, largestOf, slopeUp, smallestOf, times } from './interval.ts'
import type { Operator, Site } from './operator.ts'
import { relative, unbounded } from './rules.ts'
import { scaling } from './scaling.ts'
import { isSubnormal } from './subnormal.ts'

const isFloat = (site: Site): boolean => /float/.test(site.input(0).type)

/** 1 / c, with the half ulp of the division; an error of c shows (1 - e)^-1 - 1 <= e (1 + 2e) in the reciprocal for e <= 1/4. */
function reciprocal(c: NdArray): NdArray {
  const error = c.relativeError ?? 0
  const inherited = error > 0.25 ? Number.POSITIVE_INFINITY : error * (1 + 2 * error)
  return { ...c, data: c.data.map((x) => 1 / x), relativeError: inherited + 2 ** -52 }
}

/** y = a / b with broadcasting; integers truncate towards zero. */
export const Div: Operator = {
  type: 'Div',
  shape: (site) => [{ type: site.input(0).type, dims: broadcastShape(site) }],
  evaluate: (site, [a, b]) => [zip(site, a!, b!, isFloat(site) ? (x, y) => x / y : (x, y) => Math.trunc(x / y))],
  relativeError: (_, [a, b]) => (b < 1 ? ((1 + a) / (1 - b)) * (1 + 2 ** -50) - 1 : Number.POSITIVE_INFINITY),
  lipschitz: (site) => {
    if (!isFloat(site)) return unbounded('integer division jumps')
    const divisor = site.constant(1)
    if (!divisor) return unbounded('a quotient grows without bound where its divisor nears 0')
    if (divisor.data.includes(0)) return unbounded('it divides by zero')
    const dims = site.input(0).dims
    return scaling(reciprocal(divisor), dims, broadcastDims(site, [dims, divisor.dims]))
  },
  range: (site, [a, b]) => (isFloat(site) ? times(a!, inverse(b!)) : EVERYWHERE),
  slopes: (site, [a, b]) => {
    const least = smallestOf(b!)
    if (!isFloat(site) || !(least > 0)) return undefined
    return [slopeUp(1 / least), slopeUp(largestOf(a!) / least / least)]
  },
  rounding: (site) =>
    site.constant(1)?.data.some(isSubnormal)
      ? { kind: 'unknown', because: 'a subnormal divisor may be read as 0' }
      : relative(1),
  rows: () => 'elementwise',
  symbolic: (site, inputs, pool) =>
    isFloat(site)
      ? zipExpressions(site, inputs, pool, ([a, b]) => {
          const divisor = pool.valueOf(b)
          return divisor ? pool.linear([a], [1 / divisor]) : -1
        })
      : undefined,
  vjp: (site, b, [dy], wanted) => {
    if (!dy) return [undefined, undefined]
    const [numerator, divisor] = [site.input(0), site.input(1)]
    const target = site.outputs[0].dims
    const scaled = b.node('Div', [dy, divisor.name])
    return [
      wanted[0] ? sumTo(b, scaled, target, numerator.dims) : undefined,
      // d(a / b) / db = -(a / b) / b.
      wanted[1]
        ? sumTo(b, b.node('Neg', [b.node('Mul', [scaled, site.outputs[0].name])]), target, divisor.dims)
        : undefined,
    ]
  },
}
