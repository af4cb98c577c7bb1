import { mapLines } from './lines.ts'
import type { Operator } from './operator.ts'
import { sqrtUp } from './round-up.ts'
import { shiftedSum, softmaxGroups, softmaxRows } from './softmax-groups.ts'

/** y = x - log(sum exp(x)) over each group. */
export const LogSoftmax: Operator = {
  type: 'LogSoftmax',
  shape: (site) => [{ type: site.input(0).type, dims: site.input(0).dims }],
  evaluate: (site, [x]) => {
    const data = mapLines(x!.data, softmaxGroups(site).lines, (line) => {
      // Shifted first: the error of x - max does not grow with the size of the logits.
      const { top, sum } = shiftedSum(line)
      const log = Math.log(sum)
      return line.map((value) => value - top - log)
    })
    return [{ type: x!.type, dims: x!.dims, data }]
  },
  // J = I - 1 p^T is an oblique projection (p sums to 1), so |J| = |1 p^T| = sqrt(K) |p| <= sqrt(K); reached as p -> e_i.
  lipschitz: (site) => {
    const { axis, lines } = softmaxGroups(site)
    const because = `its Jacobian I - 1 p^T is a projection of norm sqrt(${lines.length}) |p|; it keeps the order of its inputs`
    return { kind: 'monotone-head', axis, value: sqrtUp(lines.length), because }
  },
  // -y = d + log S with d = max - x >= 0 and log S >= 0; S errs as in Softmax. exp and log are assumed good to 16 ulps.
  rounding: (site) => ({
    kind: 'relative',
    ulps: 18,
    absolute: (1.4 * softmaxGroups(site).lines.length + 20) * 2 ** -24,
  }),
  rows: softmaxRows,
  // g - exp(y) sum g over each group.
  vjp: (site, b, [dy], [wanted]) => {
    if (!wanted || dy === undefined) return [undefined]
    const total = b.node('ReduceSum', [dy, b.indices(softmaxGroups(site).axes)], { keepdims: 1 })
    return [b.node('Sub', [dy, b.node('Mul', [b.node('Exp', [site.outputs[0]!.name]), total])])]
  },
}
