import type { NdArray } from '../onnx/ir.ts'
import { convGradients } from './conv-gradients.ts'
import { correlate } from './correlate.ts'
import { sizeOf } from './dims.ts'
import { invalid, unsupported } from './invalid.ts'
import type { Operator, Site } from './operator.ts'
import { sqrtUp } from './round-up.ts'
import { closedForm, dot, dynamicInputs, unbounded } from './rules.ts'
import { mapsOf, type WindowGeometry, windowGeometry } from './windows.ts'

/** y = W * x + b over 1 to 3 spatial axes (cross-correlation), with groups, strides, dilations and zero padding. */
export const Conv: Operator = {
  type: 'Conv',
  shape: (site) => {
    const [x, w] = [site.input(0), site.input(1)]
    const { batch } = mapsOf(site, x.dims)
    return [{ type: x.type, dims: [batch, w.dims[0], ...geometryOf(site).output] }]
  },
  evaluate: (site, [x, w, bias]) => {
    const groups = site.int('group', 1)
    const geometry = windowGeometry(site, x!.dims.slice(2), w!.dims.slice(2))
    const data = correlate(x!.data, w!.data, x!.dims[0], groups, w!.dims[1], w!.dims[0] / groups, geometry)
    if (bias) addBias(data, bias, sizeOf(geometry.output))
    return [{ type: x!.type, dims: [x!.dims[0], w!.dims[0], ...geometry.output], data }]
  },
  lipschitz: (site) => {
    const dynamic = dynamicInputs(site)
    if (dynamic.length > 1) return unbounded('its weights or bias depend on the input')
    const { batch, channels } = mapsOf(site, site.input(0).dims)
    const geometry = geometryOf(site)
    // A bias is repeated at every position of every sample.
    if (dynamic[0] === 2)
      return closedForm(sqrtUp(batch * sizeOf(geometry.output)), 'a bias is repeated at every position')
    if (dynamic[0] === 1) return unbounded('its weights depend on the input')
    const weights = site.constant(1)!
    if (!weights.data.every(Number.isFinite)) return unbounded('its weights are not all finite')
    if (channels === 0) return closedForm(0, 'it has no input')
    const { strides, dilations, padsBegin, padsEnd, spatial } = geometry
    const structure = { weights, groups: site.int('group', 1), strides, dilations, padsBegin, padsEnd, spatial }
    return { kind: 'affine', structure: { kind: 'convolution', ...structure, transposed: false } }
  },
  magnitudes: (site, inputs) => Conv.evaluate(site, inputs),
  rounding: (site) => {
    const weights = site.input(1).dims
    return dot(sizeOf(weights.slice(1)) + (site.inputs[2] ? 1 : 0))
  },
  rows: () => 'rows',
  vjp: (site, b, [dy], wanted) =>
    dy ? convGradients(site, b, dy, wanted, geometryOf(site)) : site.inputs.map(() => undefined),
}

function geometryOf(site: Site): WindowGeometry {
  const [x, w] = [site.input(0).dims, site.input(1).dims]
  const { channels, spatial } = mapsOf(site, x)
  const groups = site.int('group', 1)
  if (spatial.length > 3) throw unsupported(site, `convolves over ${spatial.length} axes; up to 3 are known here`)
  if (w.length !== x.length || groups < 1 || w[1] * groups !== channels || w[0] % groups !== 0)
    throw invalid(site, `has weights [${w}] and ${groups} groups for an input [${x}]`)
  const bias = site.inputs[2]
  if (bias && (bias.dims.length !== 1 || bias.dims[0] !== w[0]))
    throw invalid(site, `has a bias [${bias.dims}] for ${w[0]} channels`)
  const declared = site.ints('kernel_shape', w.slice(2))
  if (declared.some((size, axis) => size !== w[axis + 2]))
    throw invalid(site, `has kernel_shape [${declared}] and weights [${w}]`)
  return windowGeometry(site, spatial, w.slice(2))
}

/** Adds bias[c] to every element of channel c of `[batch, channels, …]` data, where each map has `size` elements. */
export function addBias(data: Float64Array, bias: NdArray, size: number): void {
  const channels = bias.data.length
  for (let map = 0, at = 0; at < data.length; map++) {
    const value = bias.data[map % channels]
    for (const end = at + size; at < end; at++) data[at] += value
    if (size === 0) break
  }
}
