import { mapLines } from './lines.ts'
import type { Operator } from './operator.ts'
import { softmaxGroups, softmaxRows } from './softmax-groups.ts'

/** y = 1 at the first largest element of each group, 0 elsewhere. */
export const Hardmax: Operator = {
  type: 'Hardmax',
  shape: (site) => [{ type: site.input(0).type, dims: site.input(0).dims }],
  evaluate: (site, [x]) => {
    const data = mapLines(x!.data, softmaxGroups(site).lines, (line) => {
      const top = line.indexOf(line.reduce((best, value) => Math.max(best, value), -Infinity))
      return line.map((_, i) => (i === top ? 1 : 0))
    })
    return [{ type: x!.type, dims: x!.dims, data }]
  },
  lipschitz: () => ({ kind: 'unbounded', because: 'jumps where two elements tie' }),
  rounding: () => ({ kind: 'exact' }),
  rows: softmaxRows,
}
