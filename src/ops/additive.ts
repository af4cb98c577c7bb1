/**
 * What Add, Sub, Sum and Mean share: y = sum of coefficient * operand, with broadcasting.
 * @module
 */
import type { NdArray } from '../onnx/ir.ts'
import { broadcastIndex, broadcastShape, repetitionNorm, sumTo, zipExpressions } from './broadcast.ts'
import { sameDims, sizeOf } from './dims.ts'
import type { Operator, Site } from './operator.ts'
import { closedForm, dot, dynamicInputs, relative } from './rules.ts'
import { sumUp, timesUp } from './sum-up.ts'

/**
 * @param coefficients one for each input, exact or correctly rounded to float64
 * @param scale upper bound of every |coefficient|
 */
export function additive(
  coefficients: (site: Site) => readonly number[],
  scale: (site: Site) => number = () => 1,
): Omit<Operator, 'type'> {
  /** Triangle inequality; an operand that broadcasts contributes each of its elements `multiplicity` times. */
  const weightOf = (site: Site, index: number): number =>
    timesUp(repetitionNorm(site.input(index).dims, broadcastShape(site)), scale(site))

  return {
    shape: (site) => [{ type: site.input(0).type, dims: broadcastShape(site) }],
    evaluate: (site, inputs) => weighted(site, inputs, coefficients(site)),
    magnitudes: (site, inputs) => weighted(site, inputs, coefficients(site).map(Math.abs)),
    lipschitz: (site) => {
      const dynamic = dynamicInputs(site)
      const because = 'a sum moves by no more than the sum of what its terms move'
      if (dynamic.length === 1)
        return closedForm(weightOf(site, dynamic[0]), 'constants move nothing; repeated elements count in quadrature')
      return {
        kind: 'combine',
        linear: true,
        because,
        combine: (bounds) =>
          sumUp(bounds.map((bound, index) => (bound === undefined ? 0 : timesUp(weightOf(site, index), bound)))),
      }
    },
    rounding: (site) => (site.inputs.length === 2 ? relative(1) : dot(site.inputs.length + 1)),
    rows: () => 'elementwise',
    vjp: (site, b, [dy], wanted) => {
      const factors = coefficients(site)
      const target = site.outputs[0].dims
      return site.inputs.map((input, i) => {
        if (!input || !wanted[i] || !dy) return undefined
        const summed = sumTo(b, dy, target, input.dims)
        const c = factors[i]
        // 1 / n (Mean) is divided by n, which float32 holds exactly.
        return c === 1 ? summed : c === -1 ? b.node('Neg', [summed]) : b.node('Div', [summed, b.constant([1 / c], [])])
      })
    },
    symbolic: (site, inputs, pool) => {
      const factors = coefficients(site)
      return zipExpressions(site, inputs, pool, (ids) => pool.linear(ids, factors))
    },
  }
}

/** sum of factors[i] * inputs[i], with broadcasting. */
function weighted(
  site: Site,
  inputs: readonly (NdArray | undefined)[],
  factors: readonly number[],
): readonly NdArray[] {
  const { type } = inputs[0]!
  const dims = broadcastShape({ ...site, input: (i) => ({ name: '', type, dims: inputs[i]!.dims }) })
  const data = new Float64Array(sizeOf(dims))
  inputs.forEach((operand, i) => {
    const x = operand!.data
    const c = factors[i]
    if (sameDims(operand!.dims, dims)) for (let j = 0; j < data.length; j++) data[j] += c * x[j]
    else {
      const index = broadcastIndex(operand!.dims, dims)
      for (let j = 0; j < data.length; j++) data[j] += c * x[index[j]]
    }
  })
  return [{ type, dims, data }]
}
