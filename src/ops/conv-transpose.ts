import type { Shape } from '../onnx/ir.ts'
import { addBias } from './conv.ts'
import { kernelGradient } from './conv-gradients.ts'
import { correlateAdjoint } from './correlate.ts'
import { sizeOf } from './dims.ts'
import { invalid, unsupported } from './invalid.ts'
import type { Operator, Site } from './operator.ts'
import { sqrtUp } from './round-up.ts'
import { closedForm, dot, dynamicInputs, unbounded } from './rules.ts'
import { mapsOf, type WindowGeometry } from './windows.ts'

/** The adjoint of a convolution (plus a bias): weights `[inputs, outputs / groups, ...kernel]`. */
export const ConvTranspose: Operator = {
  type: 'ConvTranspose',
  shape: (site) => {
    const [x, w] = [site.input(0), site.input(1)]
    const geometry = geometryOf(site, x.dims, w.dims)
    return [{ type: x.type, dims: [x.dims[0], w.dims[1] * site.int('group', 1), ...geometry.spatial] }]
  },
  evaluate: (site, [x, w, bias]) => {
    const groups = site.int('group', 1)
    const geometry = geometryOf(site, x!.dims, w!.dims)
    const [inputs, outputs] = [w!.dims[0] / groups, w!.dims[1]]
    const data = correlateAdjoint(x!.data, w!.data, x!.dims[0], groups, outputs, inputs, geometry)
    if (bias) addBias(data, bias, sizeOf(geometry.spatial))
    return [{ type: x!.type, dims: [x!.dims[0], outputs * groups, ...geometry.spatial], data }]
  },
  lipschitz: (site) => {
    const dynamic = dynamicInputs(site)
    const [x, w] = [site.input(0), site.input(1)]
    const geometry = geometryOf(site, x.dims, w.dims)
    if (dynamic.length > 1 || dynamic[0] === 1) return unbounded('its weights or bias depend on the input')
    if (dynamic[0] === 2) {
      const repeats = x.dims[0] * sizeOf(geometry.spatial)
      return closedForm(sqrtUp(repeats), 'a bias is repeated at every position')
    }
    const weights = site.constant(1)!
    if (!weights.data.every(Number.isFinite)) return unbounded('its weights are not all finite')
    const { strides, dilations, padsBegin, spatial } = geometry
    const padsEnd = countedPadsEnd(geometry)
    const structure = { weights, groups: site.int('group', 1), strides, dilations, padsBegin, padsEnd, spatial }
    return { kind: 'affine', structure: { kind: 'convolution', ...structure, transposed: true } }
  },
  magnitudes: (site, inputs) => ConvTranspose.evaluate(site, inputs),
  rounding: (site) => {
    const w = site.input(1).dims
    return dot((w[0] / site.int('group', 1)) * sizeOf(w.slice(2)) + (site.inputs[2] ? 1 : 0))
  },
  rows: () => 'rows',
  vjp: (site, b, [dy], wanted) => {
    if (!dy) return site.inputs.map(() => undefined)
    const [x, w] = [site.input(0), site.input(1)]
    const groups = site.int('group', 1)
    const geometry = geometryOf(site, x.dims, w.dims)
    const { kernel, strides, dilations, padsBegin, spatial } = geometry
    const padsEnd = exactPadsEnd(geometry)
    const gradient = (index: number): string => {
      if (index === 1) {
        const maps = { name: dy, channels: w.dims[1] * groups }
        return kernelGradient(b, maps, { name: x.name, channels: w.dims[0] }, x.dims[0], groups, geometry)
      }
      if (index === 2) {
        // Map by map, then over the batch: one long float32 sum loses digits.
        const maps = b.node('ReduceSum', [dy, b.indices(spatial.map((_, axis) => axis + 2))], { keepdims: 0 })
        return b.node('ReduceSum', [maps, b.indices([0])], { keepdims: 0 })
      }
      const beyond = padsEnd.flatMap((pad, axis) => (pad < 0 ? [axis] : []))
      const cut = (axis: number) => spatial[axis] + padsEnd[axis]
      const read =
        beyond.length === 0
          ? dy
          : b.node('Slice', [
              dy,
              b.indices(beyond.map(() => 0)),
              b.indices(beyond.map(cut)),
              b.indices(beyond.map((axis) => axis + 2)),
            ])
      return b.node('Conv', [read, w.name], {
        group: groups,
        kernel_shape: kernel,
        strides,
        dilations,
        pads: [...padsBegin, ...padsEnd.map((pad) => Math.max(0, pad))],
      })
    }
    return site.inputs.map((input, index) => (input && wanted[index] ? gradient(index) : undefined))
  },
}

/** The end padding with which the convolution has exactly `output` positions. */
function exactPadsEnd({ kernel, strides, dilations, padsBegin, spatial, output }: WindowGeometry): number[] {
  return spatial.map(
    (size, axis) =>
      (output[axis] - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1 - padsBegin[axis] - size,
  )
}

/** The declared end padding where it gives the convolution `output` positions (a large output_padding or output_shape does not). */
function countedPadsEnd(geometry: WindowGeometry): readonly number[] {
  const exact = exactPadsEnd(geometry)
  const { padsEnd, strides } = geometry
  return padsEnd.map((pad, axis) => (pad >= exact[axis] && pad < exact[axis] + strides[axis] ? pad : exact[axis]))
}

/** The convolution that this node is the adjoint of: its input is our output (`spatial`), its output our input (`output`). */
function geometryOf(site: Site, x: Shape, w: Shape): WindowGeometry {
  const { channels, spatial: output } = mapsOf(site, x)
  const rank = output.length
  const groups = site.int('group', 1)
  if (rank > 3) throw unsupported(site, `convolves over ${rank} axes; up to 3 are known here`)
  if (w.length !== x.length || groups < 1 || w[0] !== channels || w[0] % groups !== 0)
    throw invalid(site, `has weights [${w}] and ${groups} groups for an input [${x}]`)
  const fill = (value: number) => new Array<number>(rank).fill(value)
  const kernel = w.slice(2)
  const strides = site.ints('strides', fill(1))
  const dilations = site.ints('dilations', fill(1))
  const extra = site.ints('output_padding', fill(0))
  const declared = site.has('output_shape') ? site.ints('output_shape') : fill(0)
  const given = site.ints('pads', [...fill(0), ...fill(0)])
  const fits = [strides, dilations, extra].every((list) => list.length === rank) && given.length === 2 * rank
  if (!fits || declared.length < rank)
    throw invalid(
      site,
      `has strides, dilations, pads, output_padding or output_shape that do not fit ${rank} spatial axes`,
    )
  if ([...kernel, ...strides, ...dilations].some((value) => !(value >= 1)))
    throw invalid(site, 'has a kernel size, stride or dilation below 1')
  const full = output.map((n, axis) => (n - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1 + extra[axis])
  const mode = site.string('auto_pad', 'NOTSET')
  const same = mode === 'SAME_UPPER' || mode === 'SAME_LOWER'
  const wanted = site.has('output_shape')
    ? declared.slice(-rank)
    : same
      ? output.map((n, axis) => n * strides[axis])
      : undefined
  const placed = { kernel, strides, dilations, output }
  if (wanted) {
    const total = full.map((size, axis) => Math.max(0, size - wanted[axis]))
    const small = total.map((pads) => Math.floor(pads / 2))
    const large = total.map((pads) => Math.ceil(pads / 2))
    const [padsBegin, padsEnd] = mode === 'SAME_UPPER' ? [small, large] : [large, small]
    return { ...placed, spatial: wanted, padsBegin, padsEnd }
  }
  const pads = mode === 'VALID' ? fill(0).concat(fill(0)) : given
  const [padsBegin, padsEnd] = [pads.slice(0, rank), pads.slice(rank)]
  return { ...placed, padsBegin, padsEnd, spatial: full.map((size, axis) => size - padsBegin[axis] - padsEnd[axis]) }
}
