import type { NdArray } from '../onnx/ir.ts'
import { normaliseAxis } from './axes.ts'
import { sizeOf } from './dims.ts'
import { invalid, unsupported } from './invalid.ts'
import type { Operator, Site } from './operator.ts'
import { OPAQUE } from './symbolic.ts'

/**
 * The k largest (smallest) values along an axis, and their positions. Ties: the lower position first.
 * k is an attribute before opset 10 and input 1 from it on; `largest` and `sorted` come with opset 11.
 */
export const TopK: Operator = {
  type: 'TopK',
  shape: (site) => {
    const dims = planOf(site).outDims
    return [
      { type: site.input(0).type, dims },
      { type: 'int64', dims },
    ]
  },
  evaluate: (site, [x, k]) => {
    const plan = planOf(site, k)
    const values = new Float64Array(sizeOf(plan.outDims))
    const indices = new Float64Array(values.length)
    eachLine(plan, (start, out) => {
      order(x!.data, start, plan)
        .slice(0, plan.k)
        .forEach((index, rank) => {
          values[out + rank * plan.step] = x!.data[start + index * plan.step]!
          indices[out + rank * plan.step] = index
        })
    })
    return [
      { type: x!.type, dims: plan.outDims, data: values },
      { type: 'int64', dims: plan.outDims, data: indices },
    ]
  },
  /**
   * The i-th largest value is 1-Lipschitz, and all together are: sum (a_(i) - b_(i))^2 <= sum (a_i - b_i)^2 by the
   * rearrangement inequality (Hardy, Littlewood, Polya, Inequalities, 10.2); k of them are a projection of that. The
   * positions jump where two values tie: no bound.
   */
  lipschitz: (site) => {
    if (!planOf(site).ordered) {
      return { kind: 'unbounded', because: 'with sorted = 0 the order of the values is not specified, and may jump' }
    }
    const because = 'sorting never moves two points apart (rearrangement inequality); the positions have no bound'
    return { kind: 'constant', value: 1, because, outputs: [0] }
  },
  rounding: () => ({ kind: 'exact' }),
  rows: (site) => (planOf(site).axis === 0 ? 'mixed' : 'rows'),
  symbolic: (site, [x], pool) => {
    const plan = planOf(site)
    if (!x || !plan.ordered) return undefined
    const ids = new Float64Array(sizeOf(plan.outDims))
    eachLine(plan, (start, out) => {
      const line = Array.from({ length: plan.length }, (_, i) => x.ids[start + i * plan.step]!)
      const ascending = pool.sort(line)
      for (let rank = 0; rank < plan.k; rank++) {
        ids[out + rank * plan.step] = ascending[plan.largest ? plan.length - 1 - rank : rank]!
      }
    })
    return [
      { dims: plan.outDims, ids },
      { dims: plan.outDims, ids: new Float64Array(ids.length).fill(OPAQUE) },
    ]
  },
  vjp: (site, b, [dy], [wanted]) => {
    if (!wanted || dy === undefined) return [undefined]
    const { axis } = planOf(site)
    const zeros = b.node('Expand', [b.constant([0], []), b.indices(site.input(0).dims)])
    return [b.node('ScatterElements', [zeros, site.outputs[1]!.name, dy], { axis })]
  },
}

interface Plan {
  readonly axis: number
  readonly k: number
  readonly largest: boolean
  /** The order of the values is specified. */
  readonly ordered: boolean
  readonly length: number
  /** Distance of two neighbours along the axis, in input and output alike. */
  readonly step: number
  readonly lines: number
  readonly outDims: readonly number[]
}

function planOf(site: Site, kInput?: NdArray): Plan {
  const { dims } = site.input(0)
  const axis = normaliseAxis(site, site.int('axis', -1), dims.length)
  const length = dims[axis]!
  const k = site.opset < 10 ? site.int('k') : (kInput ?? site.constant(1))?.data[0]
  if (k === undefined) throw unsupported(site, 'computes k from the data, so the shape of its output is not known')
  if (!Number.isInteger(k) || k < 0 || k > length) throw invalid(site, `asks for ${k} of ${length} values`)
  return {
    axis,
    k,
    largest: site.opset < 11 || site.int('largest', 1) === 1,
    ordered: site.opset < 11 || site.int('sorted', 1) === 1 || k <= 1,
    length,
    step: sizeOf(dims.slice(axis + 1)),
    lines: sizeOf(dims.slice(0, axis)),
    outDims: dims.map((size, i) => (i === axis ? k : size)),
  }
}

/** Calls back with the first position of each line along the axis, in the input and in the output. */
function eachLine(plan: Plan, visit: (start: number, out: number) => void): void {
  for (let line = 0; line < plan.lines; line++) {
    for (let i = 0; i < plan.step; i++) visit(line * plan.length * plan.step + i, line * plan.k * plan.step + i)
  }
}

/** Positions along the line, best first; ties by position. */
function order(data: Float64Array, start: number, { length, step, largest }: Plan): readonly number[] {
  const at = (i: number) => data[start + i * step]!
  const sign = largest ? -1 : 1
  return Array.from({ length }, (_, i) => i).sort((i, j) => sign * (at(i) - at(j)) || i - j)
}
