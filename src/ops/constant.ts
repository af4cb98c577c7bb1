import type { ElementType, NdArray } from '../onnx/ir.ts'
import { toNdArray } from '../onnx/tensor.ts'
import { invalid, unsupported } from './invalid.ts'
import type { Operator, Site } from './operator.ts'
import { constant, exact } from './rules.ts'

/** The value of an attribute. */
export const Constant: Operator = {
  type: 'Constant',
  shape: (site) => {
    const { type, dims } = storedValue(site)
    return [{ type, dims }]
  },
  evaluate: (site) => [storedValue(site)],
  lipschitz: () => constant(0, 'it is a constant'),
  rounding: () => exact,
  rows: () => 'mixed',
}

function storedValue(site: Site): NdArray {
  const vector = (type: ElementType, values: readonly number[]): NdArray => ({
    type,
    dims: [values.length],
    data: Float64Array.from(values),
  })
  const value = site.attribute('value')
  if (value?.kind === 'tensor') return toNdArray(value.value)
  if (site.has('value_float')) return { ...vector('float32', [site.float('value_float')]), dims: [] }
  if (site.has('value_int')) return { ...vector('int64', [site.int('value_int')]), dims: [] }
  if (site.has('value_floats')) return vector('float32', site.floats('value_floats'))
  if (site.has('value_ints')) return vector('int64', site.ints('value_ints'))
  const [other] = site.node.attributes.keys()
  if (other === undefined) throw invalid(site, 'has no value')
  throw unsupported(site, `holds its value in the attribute '${other}', which is not a tensor of numbers`)
}
