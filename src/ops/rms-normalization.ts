import { normaliseAxis } from './axes.ts'
import { sizeOf } from './dims.ts'
import {
  applyParameters,
  type Normalisation,
  normalisationBound,
  normalisationGradients,
  normalisationRounding,
  normalise,
} from './normalisation.ts'
import type { Operator, Site } from './operator.ts'

/** Each sample's trailing axes, from `axis` on, divided by their root mean square; then a scale. */
export const RMSNormalization: Operator = {
  type: 'RMSNormalization',
  opsets: [23, 25],
  shape: (site) => [{ type: site.input(0).type, dims: site.input(0).dims }],
  evaluate: (site, [x, scale]) => {
    const plan = planOf(site)
    const { y } = normalise(x!.data, plan)
    return [{ type: x!.type, dims: x!.dims, data: applyParameters(y, plan, scale, undefined) }]
  },
  lipschitz: (site) => normalisationBound(site, planOf(site)),
  rounding: normalisationRounding,
  rows: (site) => (axisOf(site) === 0 ? 'mixed' : 'rows'),
  vjp: (site, b, [dy], wanted) => (dy === undefined ? [] : normalisationGradients(site, b, dy, wanted, planOf(site))),
}

function axisOf(site: Site): number {
  return normaliseAxis(site, site.int('axis', -1), site.input(0).dims.length)
}

function planOf(site: Site): Normalisation {
  const { dims } = site.input(0)
  return {
    count: sizeOf(dims.slice(axisOf(site))),
    centred: false,
    epsilon: site.float('epsilon', Math.fround(1e-5)),
    view: dims,
    parameters: site.input(1).dims,
  }
}
