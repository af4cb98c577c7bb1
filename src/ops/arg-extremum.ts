import { normaliseAxis, withoutAxes } from './axes.ts'
import { linesOf } from './lines.ts'
import type { Operator, Site } from './operator.ts'

/** ArgMax and ArgMin: the position of the best element along an axis, the first or (select_last_index) the last of equals. */
export function argExtremum(type: string, better: (candidate: number, best: number) => boolean): Operator {
  return {
    type,
    shape: (site) => [{ type: 'int64', dims: planOf(site).outDims }],
    evaluate: (site, [x]) => {
      const { lines, outDims, last } = planOf(site)
      const data = lines.starts.map((start) => {
        let best = 0
        for (let k = 1; k < lines.length; k++) {
          const [candidate, champion] = [x!.data[start + k * lines.step]!, x!.data[start + best * lines.step]!]
          if (better(candidate, champion) || (last && candidate === champion)) best = k
        }
        return best
      })
      return [{ type: 'int64', dims: outDims, data }]
    },
    lipschitz: () => ({ kind: 'unbounded', because: 'a position jumps where two elements tie' }),
    rounding: () => ({ kind: 'exact' }),
    rows: (site) => (planOf(site).axis === 0 ? 'mixed' : 'rows'),
    // Constant on both sides of the jump.
    vjp: () => [undefined],
  }
}

function planOf(site: Site) {
  const { dims } = site.input(0)
  const axis = normaliseAxis(site, site.int('axis', 0), dims.length)
  const keep = site.int('keepdims', 1) !== 0
  return {
    axis,
    lines: linesOf(dims, axis),
    outDims: keep ? dims.map((size, i) => (i === axis ? 1 : size)) : withoutAxes(dims, [axis]),
    last: site.opset >= 12 && site.int('select_last_index', 0) === 1,
  }
}
