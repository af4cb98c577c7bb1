import { sumTo, zip, zipExpressions } from './broadcast.ts'
import type { Operator } from './operator.ts'
import { roundUp, trueShare } from './round-up.ts'
import { OPAQUE } from './symbolic.ts'

/** y = x for x >= 0, slope x below; the slope broadcasts to x. */
export const PRelu: Operator = {
  type: 'PRelu',
  shape: (site) => [{ type: site.input(0).type, dims: site.input(0).dims }],
  evaluate: (site, [x, slope]) => [zip(site, x!, slope!, (value, s) => (value < 0 ? s * value : value))],
  lipschitz: (site) => {
    const slope = site.constant(1)
    if (!slope) return { kind: 'unbounded', because: 'the slope depends on the data, so the product is not bounded' }
    const steepest = slope.data.reduce((best, value) => Math.max(best, Math.abs(value)), 0)
    const value = Math.max(1, slope.relativeError ? roundUp(steepest * trueShare(slope.relativeError)) : steepest)
    return Number.isFinite(value)
      ? {
          kind: 'constant',
          value,
          because: 'the slope of every element is 1 or its parameter, and both pieces meet at 0',
        }
      : { kind: 'unbounded', because: 'a slope is infinite or not a number' }
  },
  rounding: (site) => {
    const error = site.constant(1)?.relativeError ?? 0
    return error < 1
      ? { kind: 'relative', ulps: 1 + 2 * error * 2 ** 24 }
      : { kind: 'unknown', because: 'the slope is computed with an error that is not tracked' }
  },
  rows: () => 'elementwise',
  // max(x, slope x) for a slope <= 1, min above.
  symbolic: (site, inputs, pool) =>
    inputs[0] &&
    zipExpressions(site, inputs, pool, ([id, slope]) => {
      const value = pool.valueOf(slope!)
      if (value === undefined || !Number.isFinite(value)) return OPAQUE
      const scaled = pool.linear([id!], [value])
      return value <= 1 ? pool.max([id!, scaled]) : pool.min([id!, scaled])
    }),
  vjp: (site, b, [dy], wanted) => {
    if (dy === undefined) return []
    const [x, slope] = [site.input(0), site.input(1)]
    const zero = b.constant([0], [])
    const positive = b.node('Greater', [x.name, zero])
    const dx = () => b.node('Where', [positive, dy, b.node('Mul', [dy, slope.name])])
    const dSlope = () => sumTo(b, b.node('Where', [positive, zero, b.node('Mul', [dy, x.name])]), x.dims, slope.dims)
    return [wanted[0] ? dx() : undefined, wanted[1] ? dSlope() : undefined]
  },
}
