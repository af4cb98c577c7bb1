import { elementCode } from '../onnx/element-types.ts'
import { Cast } from './cast.ts'
import type { Operator, Site } from './operator.ts'

/** Cast to the element type of the second input, whose values do not matter. */
export const CastLike: Operator = {
  type: 'CastLike',
  opsets: [15, 25],
  shape: (site) => Cast.shape(asCast(site)),
  evaluate: (site, inputs) => Cast.evaluate(asCast(site), inputs),
  typeOnlyInputs: [1],
  lipschitz: (site) => Cast.lipschitz(asCast(site)),
  rounding: (site) => Cast.rounding(asCast(site)),
  rows: () => 'elementwise',
  vjp: (site, b, cotangents, wanted) => [...Cast.vjp!(asCast(site), b, cotangents, wanted), undefined],
}

function asCast(site: Site): Site {
  const to = elementCode(site.input(1).type)
  return { ...site, int: (name, fallback) => (name === 'to' ? to : site.int(name, fallback)) }
}
