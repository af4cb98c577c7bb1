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

/** Each channel of each sample brought to mean 0 and variance 1 over its positions; then scale and bias a channel. */
export const InstanceNormalization: Operator = {
  type: 'InstanceNormalization',
  shape: (site) => [{ type: site.input(0).type, dims: site.input(0).dims }],
  evaluate: (site, [x, scale, bias]) => {
    const plan = planOf(site)
    const { y } = normalise(x!.data, plan)
    return [{ type: x!.type, dims: x!.dims, data: applyParameters(y, plan, scale, bias) }]
  },
  lipschitz: (site) => normalisationBound(site, planOf(site)),
  rounding: normalisationRounding,
  rows: () => 'rows',
  vjp: (site, b, [dy], wanted) => (dy === undefined ? [] : normalisationGradients(site, b, dy, wanted, planOf(site))),
}

function planOf(site: Site): Normalisation {
  const { dims } = site.input(0)
  const spatial = dims.slice(2)
  return {
    count: sizeOf(spatial),
    centred: true,
    epsilon: site.float('epsilon', Math.fround(1e-5)),
    view: dims,
    parameters: [dims[1]!, ...spatial.map(() => 1)],
  }
}
