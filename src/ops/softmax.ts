import { mapLines } from './lines.ts'
import type { Operator } from './operator.ts'
import { shiftedSum, softmaxGroups, softmaxRows } from './softmax-groups.ts'

/** y = exp(x) / sum exp(x) over each group. */
export const Softmax: Operator = {
  type: 'Softmax',
  shape: (site) => [{ type: site.input(0).type, dims: site.input(0).dims }],
  evaluate: (site, [x]) => {
    const data = mapLines(x!.data, softmaxGroups(site).lines, (line) => {
      // Shifted first: the error of exp(x - max) does not grow with the size of the logits.
      const { top, sum } = shiftedSum(line)
      return line.map((value) => Math.exp(value - top) / sum)
    })
    return [{ type: x!.type, dims: x!.dims, data }]
  },
  range: () => [0, 1],
  // v^T (diag p - p p^T) v is a variance, at most (max v - min v)^2 / 4 (Popoviciu) <= |v|^2 / 2.
  lipschitz: (site) => ({
    kind: 'monotone-head',
    axis: softmaxGroups(site).axis,
    value: 0.5,
    because: 'its Jacobian diag(p) - p p^T has norm at most 1/2, and it keeps the order of its inputs',
  }),
  // With d = max - x, each term exp(-d) errs by (d + 16) u exp(-d) and d exp(-d) <= 1/e; the sum of N terms adds
  // (N/e + 16 + N) u, relative to it, and the quotient one more. exp is assumed good to 16 ulps.
  rounding: (site) => ({
    kind: 'absolute',
    error: (1.4 * softmaxGroups(site).lines.length + 40) * 2 ** -24,
  }),
  rows: softmaxRows,
  // y (g - sum y g) over each group.
  vjp: (site, b, [dy], [wanted]) => {
    if (!wanted || dy === undefined) return [undefined]
    const y = site.outputs[0]!.name
    const axes = b.indices(softmaxGroups(site).axes)
    const mean = b.node('ReduceSum', [b.node('Mul', [y, dy]), axes], { keepdims: 1 })
    return [b.node('Mul', [y, b.node('Sub', [dy, mean])])]
  },
}
