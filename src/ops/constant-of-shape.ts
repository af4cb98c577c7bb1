import type { NdArray } from '../onnx/ir.ts'
import { toNdArray } from '../onnx/tensor.ts'
import { constantIntegers } from './axes.ts'
import { sizeOf } from './dims.ts'
import { invalid } from './invalid.ts'
import type { Operator, Site } from './operator.ts'
import { exact, unbounded } from './rules.ts'

/** A tensor of the shape given, filled with one value (0 in float32 by default). */
export const ConstantOfShape: Operator = {
  type: 'ConstantOfShape',
  shape: (site) => [{ type: fillValue(site).type, dims: dimsOf(site, constantIntegers(site, 0)) }],
  evaluate: (site, [shape]) => {
    const { type, data } = fillValue(site)
    const dims = dimsOf(site, Array.from(shape!.data))
    return [{ type, dims, data: new Float64Array(sizeOf(dims)).fill(data[0]) }]
  },
  lipschitz: () => unbounded('its shape depends on the input'),
  rounding: () => exact,
  rows: () => 'mixed',
}

function fillValue(site: Site): NdArray {
  const value = site.attribute('value')
  if (value?.kind === 'tensor') return toNdArray(value.value)
  return { type: 'float32', dims: [1], data: Float64Array.of(0) }
}

function dimsOf(site: Site, dims: readonly number[]): readonly number[] {
  if (dims.some((dim) => dim < 0)) throw invalid(site, `has shape [${dims}]`)
  return dims
}
