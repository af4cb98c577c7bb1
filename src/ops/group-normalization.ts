import { sizeOf } from './dims.ts'
import { invalid } from './invalid.ts'
import {
  applyParameters,
  type Normalisation,
  normalisationBound,
  normalisationGradients,
  normalisationRounding,
  normalise,
} from './normalisation.ts'
import type { Operator, Site } from './operator.ts'

/**
 * Each group of channels of each sample brought to mean 0 and variance 1; then scale and bias, a group before opset 21 and a
 * channel from it on.
 */
export const GroupNormalization: Operator = {
  type: 'GroupNormalization',
  opsets: [18, 25],
  shape: (site) => {
    planOf(site)
    return [{ type: site.input(0).type, dims: site.input(0).dims }]
  },
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
  const groups = site.int('num_groups')
  const [batch, channels] = [dims[0]!, dims[1]!]
  const spatial = sizeOf(dims.slice(2))
  if (groups < 1 || channels % groups !== 0) throw invalid(site, `cuts ${channels} channels into ${groups} groups`)
  return {
    count: (channels / groups) * spatial,
    centred: true,
    epsilon: site.float('epsilon', Math.fround(1e-5)),
    view: site.opset < 21 ? [batch, groups, (channels / groups) * spatial] : [batch, channels, spatial],
    parameters: site.opset < 21 ? [groups, 1] : [channels, 1],
  }
}
