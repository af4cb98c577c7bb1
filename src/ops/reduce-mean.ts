import type { Operator } from './operator.ts'
import { expandToInput, reduction, reductionOf, sumOf, symbolicReduction } from './reduce.ts'
import { inverseSqrtUp } from './round-up.ts'

const AXES_INPUT = 18

/** y = mean over the axes. */
export const ReduceMean: Operator = {
  type: 'ReduceMean',
  ...reduction(AXES_INPUT, (group, type) => {
    const mean = sumOf(group) / group.length
    return type.startsWith('int') || type.startsWith('uint') ? Math.trunc(mean) : mean
  }),
  lipschitz: (site) => {
    const { count } = reductionOf(site, AXES_INPUT)
    const because = `the mean of ${count} entries is their inner product with a vector of norm 1/sqrt(${count})`
    return { kind: 'affine', structure: { kind: 'closed-form', norm: inverseSqrtUp(count), because } }
  },
  magnitudes: (site, inputs) => ReduceMean.evaluate(site, inputs),
  // The sum, the rounded factor 1/N or the division, and its product.
  rounding: (site) => ({ kind: 'dot', terms: reductionOf(site, AXES_INPUT).count + 2 }),
  symbolic: symbolicReduction(AXES_INPUT, (pool, group) =>
    pool.linear(
      group,
      group.map(() => 1 / group.length),
    ),
  ),
  // Divided by the integer N: 1/N is not a float32, and the adjoint has to be exact.
  vjp: (site, b, [dy], [wanted]) => {
    if (!wanted || dy === undefined) return [undefined]
    const r = reductionOf(site, AXES_INPUT)
    return [expandToInput(b, b.node('Div', [dy, b.constant([r.count], [])]), r)]
  },
}
