import { additive } from './additive.ts'
import type { Operator, Site } from './operator.ts'
import { roundUp } from './round-up.ts'

const weight = (site: Site): number => 1 / site.inputs.length

/** y = (sum of all inputs) / their number, with broadcasting from opset 8. */
export const Mean: Operator = {
  type: 'Mean',
  ...additive(
    (site) => site.inputs.map(() => weight(site)),
    // 1 / n is exact for powers of two only.
    (site) => (Number.isInteger(Math.log2(site.inputs.length)) ? weight(site) : roundUp(weight(site))),
  ),
}
