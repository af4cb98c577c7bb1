import { unsupported } from './invalid.ts'
import type { Operator, Site } from './operator.ts'
import { exact, move, unbounded } from './rules.ts'

/** The identity at inference; training mode is random and refused. */
export const Dropout: Operator = {
  type: 'Dropout',
  shape: (site) => {
    const { type, dims } = site.input(0)
    const value = { type, dims }
    return site.node.outputs.length > 1 ? [value, { type: 'bool', dims }] : [value]
  },
  evaluate: (site, [x]) => {
    if (trains(site)) throw unsupported(site, 'is in training mode, where its output is random')
    if (site.node.outputs.length < 2) return [x!]
    return [x!, { type: 'bool', dims: x!.dims, data: new Float64Array(x!.data.length).fill(1) }]
  },
  lipschitz: (site) => (trains(site) ? unbounded('in training mode its output is random') : { ...move, outputs: [0] }),
  rounding: () => exact,
  rows: () => 'elementwise',
  vjp: (_, _b, [dy]) => [dy],
}

/** training_mode is an input from opset 12 on; before, inference had no mode. */
function trains(site: Site): boolean {
  if (!site.inputs[2]) return false
  const mode = site.constant(2)
  return mode?.data[0] !== 0
}
