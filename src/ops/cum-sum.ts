import { constantIntegers, normaliseAxis } from './axes.ts'
import { linesOf, mapLines } from './lines.ts'
import type { Operator, Site } from './operator.ts'

/** Running sums along an axis; `exclusive` leaves the element itself out, `reverse` runs from the end. */
export const CumSum: Operator = {
  type: 'CumSum',
  opsets: [11, 25],
  shape: (site) => {
    axisOf(site)
    return [{ type: site.input(0).type, dims: site.input(0).dims }]
  },
  evaluate: (site, [x]) => {
    const data = mapLines(x!.data, linesOf(x!.dims, axisOf(site)), (line) => running(site, line))
    return [{ type: x!.type, dims: x!.dims, data }]
  },
  lipschitz: (site) => {
    const length = site.input(0).dims[axisOf(site)]!
    const data = new Float64Array(length * length)
    for (let k = 0; k < length; k++) {
      const unit = new Float64Array(length)
      unit[k] = 1
      running(site, unit).forEach((value, i) => {
        data[i * length + k] = value
      })
    }
    return { kind: 'affine', structure: { kind: 'matrix', matrix: { type: 'float32', dims: [length, length], data } } }
  },
  magnitudes: (site, inputs) => CumSum.evaluate(site, inputs),
  rounding: (site) => ({ kind: 'dot', terms: site.input(0).dims[axisOf(site)]! }),
  rows: (site) => (axisOf(site) === 0 ? 'mixed' : 'rows'),
  // The adjoint sums the other way round.
  vjp: (site, b, [dy], [wanted]) => {
    if (!wanted || dy === undefined) return [undefined]
    const { exclusive, reverse } = flags(site)
    const axis = b.indices([axisOf(site)], [])
    return [b.node('CumSum', [dy, axis], { exclusive: exclusive ? 1 : 0, reverse: reverse ? 0 : 1 }), undefined]
  },
}

function axisOf(site: Site): number {
  return normaliseAxis(site, constantIntegers(site, 1)[0] ?? 0, site.input(0).dims.length)
}

function flags(site: Site) {
  return { exclusive: site.int('exclusive', 0) === 1, reverse: site.int('reverse', 0) === 1 }
}

function running(site: Site, line: Float64Array): Float64Array {
  const { exclusive, reverse } = flags(site)
  const sums = new Float64Array(line.length)
  let sum = 0
  for (let i = 0; i < line.length; i++) {
    const k = reverse ? line.length - 1 - i : i
    sums[k] = exclusive ? sum : sum + line[k]!
    sum += line[k]!
  }
  return sums
}
