/**
 * The backward pass of Conv in plain ONNX, with the kernels that onnxruntime runs fastest.
 * @module
 */
import { sizeOf } from './dims.ts'
import { flipKernel } from './flip-kernel.ts'
import type { GradientBuilder, Site } from './operator.ts'
import type { WindowGeometry } from './windows.ts'
import { adjointPadding } from './windows.ts'

/** Cotangents of x, W and the bias from that of y, for those wanted. */
export function convGradients(
  site: Site,
  b: GradientBuilder,
  dy: string,
  wanted: readonly boolean[],
  geometry: WindowGeometry,
): readonly (string | undefined)[] {
  const groups = site.int('group', 1)
  const [x, w] = [site.input(0), site.input(1)]
  const spatialAxes = geometry.spatial.map((_, axis) => axis + 2)
  return site.inputs.map((input, index) => {
    if (!input || !wanted[index]) return undefined
    if (index === 0) return inputGradient(site, b, dy, groups, geometry, wanted[1])
    if (index === 2) {
      // Map by map, then over the batch: onnxruntime's one long float32 sum is wrong in the third digit.
      const maps = b.node('ReduceSum', [dy, b.indices(spatialAxes)], { keepdims: 0 })
      return b.node('ReduceSum', [maps, b.indices([0])], { keepdims: 0 })
    }
    return kernelGradient(
      b,
      { name: x.name, channels: x.dims[1] },
      { name: dy, channels: w.dims[0] },
      x.dims[0],
      groups,
      geometry,
    )
  })
}

function inputGradient(
  site: Site,
  b: GradientBuilder,
  dy: string,
  groups: number,
  geometry: WindowGeometry,
  weightsVary: boolean,
): string {
  const { kernel, strides, dilations, padsBegin } = geometry
  const [x, w] = [site.input(0), site.input(1)]
  const { padsEnd, outputPadding } = adjointPadding(geometry)
  const flippedBegin = kernel.map((k, axis) => dilations[axis] * (k - 1) - padsBegin[axis])
  const flippedEnd = kernel.map((k, axis) => dilations[axis] * (k - 1) - padsEnd[axis])
  const flips =
    strides.every((stride) => stride === 1) &&
    outputPadding.every((pad) => pad === 0) &&
    [...flippedBegin, ...flippedEnd].every((pad) => pad >= 0)
  // Few input channels are few output channels of the flipped convolution: onnxruntime's kernel starves on them.
  if (!flips || x.dims[1] < 8) {
    return b.node('ConvTranspose', [dy, w.name], {
      group: groups,
      kernel_shape: kernel,
      strides,
      dilations,
      pads: [...padsBegin, ...padsEnd],
      output_padding: outputPadding,
    })
  }
  const weights = site.constant(1)
  const flipped =
    weights && !weightsVary
      ? b.constant(flipKernel(weights.data, w.dims, groups), flippedDims(w.dims, groups))
      : flipWeightNodes(b, w.name, w.dims, groups)
  return b.node('Conv', [dy, flipped], {
    group: groups,
    kernel_shape: kernel,
    dilations,
    pads: [...flippedBegin, ...flippedEnd],
  })
}

/** `[groups * I, O / groups, ...kernel]` for weights `[O, I, ...kernel]`. */
function flippedDims(dims: readonly number[], groups: number): number[] {
  return [dims[1] * groups, dims[0] / groups, ...dims.slice(2)]
}

/** flipKernel as nodes, for weights that are fed at run time. */
function flipWeightNodes(b: GradientBuilder, name: string, dims: readonly number[], groups: number): string {
  const kernel = dims.slice(2)
  const axes = kernel.map((_, axis) => axis + 2)
  const [outputs, inputs] = [dims[0] / groups, dims[1]]
  let value = name
  if (kernel.some((size) => size > 1)) {
    const starts = b.indices(kernel.map(() => -1))
    const ends = b.indices(kernel.map((size) => -(size + 1)))
    value = b.node('Slice', [value, starts, ends, b.indices(axes), b.indices(kernel.map(() => -1))])
  }
  if (groups === 1) return b.node('Transpose', [value], { perm: [1, 0, ...axes] })
  const split = b.node('Reshape', [value, b.indices([groups, outputs, inputs, ...kernel])])
  const swapped = b.node('Transpose', [split], { perm: [0, 2, 1, ...axes.map((axis) => axis + 1)] })
  return b.node('Reshape', [swapped, b.indices(flippedDims(dims, groups))])
}

interface Maps {
  readonly name: string
  readonly channels: number
}

/**
 * dW[o, c, tap] = sum over samples and windows of y[o, window] x[c, window + tap]: the shifted (and strided) slices of x are
 * joined and multiplied with y by one matrix product, several times faster than a convolution with batch and channels swapped.
 * `x` is what the windows slide over, `y` what they produce.
 * @returns a tensor `[O, I / groups, ...kernel]`
 */
export function kernelGradient(
  b: GradientBuilder,
  x: Maps,
  y: Maps,
  batch: number,
  groups: number,
  geometry: WindowGeometry,
): string {
  const { kernel, strides, dilations, padsBegin, output, spatial } = geometry
  const rank = spatial.length
  const axes = spatial.map((_, axis) => axis + 2)
  const swap = { perm: [1, 0, ...axes] }
  const positions = batch * sizeOf(output)
  // Channels first, so that the slices of one tap lie together and no large transpose is needed after Concat.
  let maps = b.node('Transpose', [x.name], swap)
  const after = adjointPadding(geometry).padsEnd
  if ([...padsBegin, ...after].some((pad) => pad !== 0))
    maps = b.node('Pad', [maps, b.indices([0, 0, ...padsBegin, 0, 0, ...after])])
  const taps: string[] = []
  const visit = (tap: readonly number[]): void => {
    if (tap.length < rank) {
      for (let k = 0; k < kernel[tap.length]; k++) visit([...tap, k])
      return
    }
    const starts = tap.map((k, axis) => k * dilations[axis])
    const ends = starts.map((start, axis) => start + (output[axis] - 1) * strides[axis] + 1)
    taps.push(b.node('Slice', [maps, b.indices(starts), b.indices(ends), b.indices(axes), b.indices(strides)]))
  }
  visit([])
  const joined = taps.length === 1 ? taps[0] : b.node('Concat', taps, { axis: 0 })
  const outputs = y.channels / groups
  const inputs = x.channels / groups
  const cotangent = b.node('Transpose', [y.name], swap)
  if (groups === 1) {
    const product = b.node(
      'Gemm',
      [
        b.node('Reshape', [cotangent, b.indices([outputs, positions])]),
        b.node('Reshape', [joined, b.indices([taps.length * inputs, positions])]),
      ],
      { transB: 1 },
    )
    const tapped = b.node('Reshape', [product, b.indices([outputs, taps.length, inputs])])
    const turned = b.node('Transpose', [tapped], { perm: [0, 2, 1] })
    return b.node('Reshape', [turned, b.indices([outputs, inputs, ...kernel])])
  }
  // Per group: [groups, outputs, positions] x [groups, positions, inputs * taps].
  const left = b.node('Reshape', [cotangent, b.indices([groups, outputs, positions])])
  const right = b.node(
    'Transpose',
    [b.node('Reshape', [joined, b.indices([taps.length, groups, inputs, positions])])],
    {
      perm: [1, 3, 2, 0],
    },
  )
  const flat = b.node('Reshape', [right, b.indices([groups, positions, inputs * taps.length])])
  const product = b.node('MatMul', [left, flat])
  return b.node('Reshape', [product, b.indices([groups * outputs, inputs, ...kernel])])
}
