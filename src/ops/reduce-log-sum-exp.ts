import type { Operator } from './operator.ts'
import { reduction, reductionOf, withKeptDims } from './reduce.ts'
import { logSumExp } from './softmax-groups.ts'

const AXES_INPUT = 18

/** y = log(sum of exp over the axes). */
export const ReduceLogSumExp: Operator = {
  type: 'ReduceLogSumExp',
  ...reduction(AXES_INPUT, logSumExp),
  lipschitz: () => ({
    kind: 'constant',
    value: 1,
    because: 'the gradient is a softmax: non-negative with sum 1, so of norm at most 1, and the groups are disjoint',
  }),
  // y = m + log S with S = sum exp(x - m) in [1, N]. With d = m - x_j, each term exp(-d) errs by (d + 16) u exp(-d) and
  // d exp(-d) <= 1/e: S errs relatively by (N/e + 16 + N) u, which is the absolute error of log S; its own table adds
  // 16 u log N and the last addition u |y|. exp and log are assumed good to 16 ulps (assumption listed with the profile).
  rounding: (site) => {
    const { count } = reductionOf(site, AXES_INPUT)
    return { kind: 'relative', ulps: 2, absolute: (1.4 * count + 20 + 16 * Math.log(count)) * 2 ** -24 }
  },
  // exp(x - y) is the softmax.
  vjp: (site, b, [dy], [wanted]) => {
    if (!wanted || dy === undefined) return [undefined]
    const r = reductionOf(site, AXES_INPUT)
    const y = withKeptDims(b, site.outputs[0]!.name, r)
    const weights = b.node('Exp', [b.node('Sub', [site.input(0).name, y])])
    return [b.node('Mul', [weights, withKeptDims(b, dy, r)])]
  },
}
