import type { NdArray } from '../onnx/ir.ts'
import { mapValues } from './elementwise.ts'
import type { Operator, Site } from './operator.ts'
import { sqrtUp } from './round-up.ts'
import { hypotUp, timesUp } from './sum-up.ts'

/**
 * y = min(max(x, low), high). The limits are attributes before opset 11 and inputs 1 and 2 from it on; an omitted one does
 * not limit. With low > high every value is `high`.
 */
export const Clip: Operator = {
  type: 'Clip',
  shape: (site) => [{ type: site.input(0).type, dims: site.input(0).dims }],
  evaluate: (site, [x, low, high]) => {
    const { min, max } = limitsOf(site, low, high)
    return [mapValues(x!, (value) => (Number.isNaN(value) ? value : Math.min(Math.max(value, min!), max!)))]
  },
  lipschitz: (site) => {
    const { min, max } = limitsOf(site)
    if (Number.isNaN(min) || Number.isNaN(max)) return { kind: 'unbounded', because: 'a limit is not a number' }
    if (min !== undefined && max !== undefined) {
      return { kind: 'constant', value: 1, because: 'clamping to an interval has slope 0 or 1 everywhere' }
    }
    // |dy_i| <= max(|dx_i|, |dlow|, |dhigh|) for each of the N elements that share the limits.
    const count = site.input(0).dims.reduce((product, size) => product * size, 1)
    return {
      kind: 'combine',
      linear: false,
      combine: ([x = 0, low = 0, high = 0]) => hypotUp([x, timesUp(sqrtUp(count), low), timesUp(sqrtUp(count), high)]),
      because: 'each element follows x or one of the limits, which all elements share',
    }
  },
  relativeError: (_, errors) => Math.max(...errors),
  // A limit that the file computes in float32 carries that error into the output.
  rounding: (site) => {
    const error = Math.max(...[1, 2].map((i) => drift(site.constant(i))))
    return error > 0 ? { kind: 'absolute', error } : { kind: 'exact' }
  },
  rows: () => 'elementwise',
  symbolic: (site, [x], pool) => {
    const { min, max } = limitsOf(site)
    if (!x || min === undefined || max === undefined || Number.isNaN(min) || Number.isNaN(max)) return undefined
    const lower = (id: number) => (min === -Infinity ? id : pool.max([id, pool.constant(min)]))
    const upper = (id: number) => (max === Infinity ? id : pool.min([id, pool.constant(max)]))
    return [{ dims: x.dims, ids: x.ids.map((id) => upper(lower(id))) }]
  },
  // Slope 1 on the closed interval; where a dynamic limit decides, that limit receives the gradient.
  vjp: (site, b, [dy], wanted) => {
    if (dy === undefined) return []
    const { min, max } = limitsOf(site)
    const x = site.input(0).name
    const name = (index: number, value: number | undefined) =>
      value === undefined ? site.input(index).name : b.constant([value], [])
    const zero = b.constant([0], [])
    const tooHigh = (v: string) => b.node('Greater', [v, name(2, max)])
    const tooLow = (v: string) => b.node('Less', [v, name(1, min)])
    const sum = (v: string) => b.node('ReduceSum', [v], { keepdims: 0 })
    const raised = min === undefined || Number.isFinite(min) ? b.node('Max', [x, name(1, min)]) : x
    // Where min(max(x, low), high) passes: first the upper limit decides, then the lower one.
    let inner = dy
    let toHigh: string | undefined
    if (max !== Infinity) {
      const above = tooHigh(raised)
      if (wanted[2]) toHigh = sum(b.node('Where', [above, dy, zero]))
      inner = b.node('Where', [above, zero, inner])
    }
    let toLow: string | undefined
    if (min !== -Infinity) {
      const below = tooLow(x)
      if (wanted[1]) toLow = sum(b.node('Where', [below, inner, zero]))
      inner = b.node('Where', [below, zero, inner])
    }
    return [wanted[0] ? inner : undefined, toLow, toHigh]
  },
}

/** The limits as numbers: infinite when omitted, undefined when they depend on the data. */
function limitsOf(site: Site, low?: NdArray, high?: NdArray): { min: number | undefined; max: number | undefined } {
  if (site.opset < 11) return { min: site.float('min', -Infinity), max: site.float('max', Infinity) }
  const limit = (index: number, open: number, value?: NdArray) =>
    site.inputs[index] === undefined ? open : (value ?? site.constant(index))?.data[0]
  return { min: limit(1, -Infinity, low), max: limit(2, Infinity, high) }
}

/** How far a computed limit may lie from its real value. */
function drift(limit: NdArray | undefined): number {
  return limit?.relativeError ? Math.abs(limit.data[0]!) * limit.relativeError : 0
}
