import type { NdArray } from '../onnx/ir.ts'
import { invalid, unsupported } from './invalid.ts'
import type { Operator, Site } from './operator.ts'
import { exact, relative, unbounded } from './rules.ts'

/** start, start + delta, … below limit. */
export const Range: Operator = {
  type: 'Range',
  shape: (site) => {
    const bounds = [0, 1, 2].map((index) => {
      const value = site.constant(index)
      if (!value) throw unsupported(site, 'takes its bounds from computed values where constants are needed')
      return value
    })
    return [{ type: site.input(0).type, dims: [countOf(site, bounds)] }]
  },
  evaluate: (site, inputs) => {
    const [start, , delta] = inputs as readonly NdArray[]
    const count = countOf(site, inputs as readonly NdArray[])
    const data = Float64Array.from({ length: count }, (_, i) => start.data[0] + i * delta.data[0])
    return [{ type: start.type, dims: [count], data }]
  },
  lipschitz: () => unbounded('its length depends on the input'),
  // Runtimes may add delta again and again, or multiply.
  rounding: (site) =>
    /float/.test(site.input(0).type)
      ? relative(
          countOf(
            site,
            site.inputs.map((_, i) => site.constant(i)!),
          ) + 2,
        )
      : exact,
  rows: () => 'mixed',
}

function countOf(site: Site, [start, limit, delta]: readonly NdArray[]): number {
  if (delta.data[0] === 0) throw invalid(site, 'has a delta of 0')
  return Math.max(0, Math.ceil((limit.data[0] - start.data[0]) / delta.data[0]))
}
