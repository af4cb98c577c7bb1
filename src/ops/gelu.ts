import { elementwise, mapValues } from './elementwise.ts'
import { erfc } from './error-function.ts'
import { unsupported } from './invalid.ts'
import type { Operator, Site } from './operator.ts'
import { gradient, type Slope } from './slope.ts'

/** sqrt(2 / pi) and the cubic coefficient of the tanh approximation. */
const ROOT = Math.sqrt(2 / Math.PI)
const CUBIC = 0.044715

/**
 * y = x Phi(x), Phi the standard normal distribution function; with approximate = 'tanh',
 * y = x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
 */
export const Gelu: Operator = {
  type: 'Gelu',
  opsets: [20, 25],
  ...elementwise((x) => x),
  evaluate: (site, [x]) => [mapValues(x!, isTanh(site) ? tanhForm : exactForm)],
  lipschitz: (site) =>
    isTanh(site)
      ? { kind: 'constant', value: 1.12899306872, because: 'largest slope of the tanh form, near x = 1.4185' }
      : {
          kind: 'constant',
          // (1 + erf(1)) / 2 + exp(-1) / sqrt(pi) = 1.128904145185...
          value: 1.12890414519,
          because:
            'the slope Phi(x) + x phi(x) is largest at sqrt(2), where its derivative phi(x) (2 - x^2) changes sign',
        },
  // Phi errs by at most 12 u in absolute terms, for tanh and erf good to 16 u (assumed), whatever x is.
  rounding: () => ({ kind: 'relative', ulps: 4, inputUlps: 16 }),
  vjp: gradient((s) => s.mul(s.dy, isTanh(s.site) ? tanhSlope(s) : exactSlope(s))),
}

function isTanh(site: Site): boolean {
  const mode = site.string('approximate', 'none')
  if (mode !== 'none' && mode !== 'tanh') throw unsupported(site, `has approximate = '${mode}', which is not known`)
  return mode === 'tanh'
}

function exactForm(x: number): number {
  return x === -Infinity ? 0 : (x * erfc(-x / Math.SQRT2)) / 2
}

function tanhForm(x: number): number {
  return (x * (1 + Math.tanh(ROOT * (x + CUBIC * x ** 3)))) / 2
}

/** Phi(x) + x phi(x). */
function exactSlope({ b, x, scalar, mul }: Slope): string {
  const phi = b.node('Exp', [mul(mul(x, x), scalar(-0.5))])
  const distribution = b.node('Add', [b.node('Erf', [mul(x, scalar(Math.SQRT1_2))]), scalar(1)])
  return b.node('Add', [mul(distribution, scalar(0.5)), mul(mul(x, phi), scalar(1 / Math.sqrt(2 * Math.PI)))])
}

/** (1 + t) / 2 + x/2 (1 - t^2) sqrt(2/pi) (1 + 3 * 0.044715 x^2). */
function tanhSlope({ b, x, scalar, mul }: Slope): string {
  const square = mul(x, x)
  const inner = mul(mul(x, scalar(ROOT)), b.node('Add', [mul(square, scalar(CUBIC)), scalar(1)]))
  const t = b.node('Tanh', [inner])
  const innerSlope = b.node('Add', [mul(square, scalar(3 * CUBIC * ROOT)), scalar(ROOT)])
  const bell = b.node('Sub', [scalar(1), mul(t, t)])
  const half = mul(b.node('Add', [t, scalar(1)]), scalar(0.5))
  return b.node('Add', [half, mul(mul(mul(x, scalar(0.5)), bell), innerSlope)])
}
