import { elementwise } from './elementwise.ts'
import { increasing, slopeUp } from './interval.ts'
import type { Operator } from './operator.ts'
import { relative, unbounded } from './rules.ts'

/**
 * Below this a root counts as zero in gradients: g / (2 max(y, tiny)) stays finite in float32, so that the spelling
 * Sqrt(AveragePool(x * x)) of an all-zero window has gradient 0 (the factor x), never NaN.
 */
export const TINY_ROOT = 1e-18

/** y = sqrt(x). */
export const Sqrt: Operator = {
  type: 'Sqrt',
  ...elementwise(Math.sqrt),
  // 1 - sqrt(1 - e) >= sqrt(1 + e) - 1.
  relativeError: (_, [e]) => (e < 1 ? 1 - Math.sqrt(1 - e) + 2 ** -50 * e : Number.POSITIVE_INFINITY),
  range: (_, [x]) => increasing((v) => Math.sqrt(Math.max(0, v)), x!, [0, Number.POSITIVE_INFINITY]),
  slopes: (_, [x]) => (x![0] > 0 ? [slopeUp(1 / (2 * Math.sqrt(x![0])))] : undefined),
  lipschitz: () =>
    unbounded('the slope of a square root is infinite at 0 (a norm as a whole has a constant: see fusion)'),
  rounding: () => relative(1),
  symbolic: (_, [x], pool) => [{ dims: x!.dims, ids: x!.ids.map((id) => pool.sqrt(id)) }],
  vjp: ({ outputs }, b, [dy]) => {
    if (!dy) return [undefined]
    const root = b.node('Max', [outputs[0].name, b.constant([TINY_ROOT], [])])
    return [b.node('Div', [b.node('Mul', [dy, b.constant([0.5], [])]), root])]
  },
}
