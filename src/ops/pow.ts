import { broadcastShape, repetitionNorm, sumTo, zip, zipExpressions } from './broadcast.ts'
import { EVERYWHERE, type Interval, increasing, largestOf, slopeUp, smallestOf } from './interval.ts'
import type { GradientBuilder, Operator, Site } from './operator.ts'
import { closedForm, exact, relative, unbounded } from './rules.ts'
import { TINY_ROOT } from './sqrt.ts'
import { OPAQUE } from './symbolic.ts'

/** The exponent, where it is one constant for all elements. */
function exponentOf(site: Site): number | undefined {
  const exponent = site.constant(1)
  return exponent?.data.length === 1 ? exponent.data[0] : undefined
}

const POSITIVE: Interval = [0, Number.POSITIVE_INFINITY]

/** y = x^p with broadcasting, in the type of x. */
export const Pow: Operator = {
  type: 'Pow',
  shape: (site) => [{ type: site.input(0).type, dims: broadcastShape(site) }],
  evaluate: (site, [x, p]) => {
    const power = (a: number, e: number) => (e === 2 ? a * a : e === 0.5 ? Math.sqrt(a) : a ** e)
    return [zip(site, x!, p!, /float/.test(x!.type) ? power : (a, e) => Math.trunc(power(a, e)))]
  },
  lipschitz: (site) => {
    const p = exponentOf(site)
    const { dims, type } = site.input(0)
    const target = broadcastShape(site)
    if (p === 1 && /float/.test(type))
      return closedForm(repetitionNorm(dims, target), 'the first power is the identity')
    return unbounded('a power is steep without bound (squares and roots inside a norm are fused)')
  },
  range: (site, [x]) => {
    const p = exponentOf(site)
    const [low, high] = [smallestOf(x!), largestOf(x!)]
    if (p === undefined || site.constant(1)?.relativeError || !/float/.test(site.input(0).type)) return EVERYWHERE
    if (x![0] >= 0 && (p >= 0 || x![0] > 0))
      return p >= 0 ? increasing((v) => v ** p, x!, POSITIVE) : increasing((v) => v ** p, [high, low], POSITIVE)
    return p > 0 && p % 2 === 0 ? increasing((v) => v ** p, [low, high], POSITIVE) : EVERYWHERE
  },
  // |p| |x|^(p-1), largest at the larger |x| for p >= 1 and at the smaller one otherwise; negative x have whole powers only.
  slopes: (site, [x]) => {
    const p = exponentOf(site)
    if (p === undefined || site.constant(1)?.relativeError || !/float/.test(site.input(0).type)) return undefined
    const least = smallestOf(x!)
    if ((x![0] < 0 && !Number.isInteger(p)) || (p < 1 && p !== 0 && !(least > 0))) return undefined
    const at = p >= 1 ? largestOf(x!) : least
    return [p === 0 ? 0 : slopeUp(Math.abs(p) * at ** (p - 1)), 0]
  },
  // The first power is returned as it is; pow of the C library is taken to be within 8 ulp (an assumption of the profile).
  rounding: (site) => (exponentOf(site) === 1 ? exact : exponentOf(site) === 2 ? relative(4) : relative(16)),
  rows: () => 'elementwise',
  symbolic: (site, inputs, pool) =>
    zipExpressions(site, inputs, pool, ([x, p]) => {
      const exponent = pool.valueOf(p)
      if (exponent === 1) return x
      if (exponent === 2) return pool.multiply(x, x)
      return exponent === 0.5 ? pool.sqrt(x) : OPAQUE
    }),
  vjp: (site, b, [dy], wanted) => {
    if (!dy) return [undefined, undefined]
    const target = site.outputs[0].dims
    return [
      wanted[0] ? sumTo(b, base(site, b, dy), target, site.input(0).dims) : undefined,
      wanted[1] ? sumTo(b, exponent(site, b, dy), target, site.input(1).dims) : undefined,
    ]
  },
}

/** p x^(p-1) dy, written so that x = 0 gives a finite value for the roots. */
function base(site: Site, b: GradientBuilder, dy: string): string {
  const [x, y, p] = [site.input(0).name, site.outputs[0].name, exponentOf(site)]
  if (p === 1) return dy
  if (p === 2) return b.node('Mul', [dy, b.node('Mul', [x, b.constant([2], [])])])
  if (p === 0.5) {
    const root = b.node('Max', [y, b.constant([TINY_ROOT], [])])
    return b.node('Div', [b.node('Mul', [dy, b.constant([0.5], [])]), root])
  }
  const exponentName = b.node('CastLike', [site.input(1).name, x])
  const lower = b.node('Pow', [x, b.node('Sub', [exponentName, b.constant([1], [])])])
  return b.node('Mul', [dy, b.node('Mul', [exponentName, lower])])
}

/** x^p log(x) dy, taken as 0 where x <= 0. */
function exponent(site: Site, b: GradientBuilder, dy: string): string {
  const [x, y] = [site.input(0).name, site.outputs[0].name]
  const safe = b.node('Where', [b.node('Greater', [x, b.constant([0], [])]), x, b.constant([1], [])])
  return b.node('Mul', [dy, b.node('Mul', [y, b.node('Log', [safe])])])
}
