import type { Shape } from '../onnx/ir.ts'
import { normaliseAxis } from './axes.ts'
import { sizeOf } from './dims.ts'
import { unsupported } from './invalid.ts'
import {
  applyParameters,
  type Normalisation,
  normalisationBound,
  normalisationGradients,
  normalisationRounding,
  normalise,
} from './normalisation.ts'
import type { Operator, Site } from './operator.ts'

/** Each sample's trailing axes, from `axis` on, brought to mean 0 and variance 1; then scale and bias. */
export const LayerNormalization: Operator = {
  type: 'LayerNormalization',
  opsets: [17, 25],
  shape: (site) => {
    const { type, dims } = site.input(0)
    const statistics = { type: 'float32' as const, dims: statisticsDims(site) }
    return [{ type, dims }, statistics, statistics].slice(0, site.node.outputs.length)
  },
  evaluate: (site, [x, scale, bias]) => {
    const plan = planOf(site)
    const { y, means, inverses } = normalise(x!.data, plan)
    const statistic = (data: Float64Array) => ({ type: 'float32' as const, dims: statisticsDims(site), data })
    return [
      { type: x!.type, dims: x!.dims, data: applyParameters(y, plan, scale, bias) },
      statistic(means),
      statistic(inverses),
    ].slice(0, site.node.outputs.length)
  },
  lipschitz: (site) => normalisationBound(site, planOf(site)),
  rounding: normalisationRounding,
  rows: (site) => (axisOf(site) === 0 ? 'mixed' : 'rows'),
  vjp: (site, b, [dy, dMean, dInverse], wanted) => {
    if (dMean !== undefined || dInverse !== undefined) throw unsupported(site, 'has no gradient through its statistics')
    return dy === undefined ? [] : normalisationGradients(site, b, dy, wanted, planOf(site))
  },
}

function axisOf(site: Site): number {
  return normaliseAxis(site, site.int('axis', -1), site.input(0).dims.length)
}

function statisticsDims(site: Site): Shape {
  const axis = axisOf(site)
  return site.input(0).dims.map((size, i) => (i < axis ? size : 1))
}

function planOf(site: Site): Normalisation {
  const { dims } = site.input(0)
  return {
    count: sizeOf(dims.slice(axisOf(site))),
    centred: true,
    epsilon: site.float('epsilon', Math.fround(1e-5)),
    view: dims,
    parameters: site.input(1).dims,
  }
}
