import { sizeOf } from './dims.ts'
import type { GradientBuilder } from './operator.ts'
import { adjointPadding, type WindowGeometry } from './windows.ts'

/**
 * The adjoint of summing windows: every element gets the sum of the values of the windows that read it.
 * Windows that tile the map are repeated by Resize or Expand; others go through a depthwise transposed convolution.
 * @param value `[batch, channels, ...output]`
 * @returns `[batch, channels, ...spatial]`
 */
export function windowSumAdjoint(
  b: GradientBuilder,
  value: string,
  batch: number,
  channels: number,
  geometry: WindowGeometry,
): string {
  const { spatial, kernel, strides, dilations, padsBegin, output } = geometry
  const tiles = spatial.every(
    (size, axis) =>
      padsBegin[axis] === 0 &&
      (kernel[axis] === 1 || dilations[axis] === 1) &&
      kernel[axis] === strides[axis] &&
      output[axis] * kernel[axis] === size,
  )
  const single = output.every((count, axis) => count === 1 && kernel[axis] === spatial[axis] && padsBegin[axis] === 0)
  const dims = [batch, channels, ...spatial]
  if ((tiles && spatial.length <= 3) || single) {
    if (single) return b.node('Expand', [value, b.indices(dims)])
    // Repetition as nearest-neighbour Resize: in onnxruntime several times faster than Reshape, Expand, Reshape.
    if (spatial.length === 2) {
      const scales = b.constant([1, 1, ...kernel], [4])
      return b.node('Resize', [value, '', scales], {
        mode: 'nearest',
        coordinate_transformation_mode: 'asymmetric',
        nearest_mode: 'floor',
      })
    }
    const split = [batch, channels, ...output.flatMap((count) => [count, 1])]
    const repeated = [batch, channels, ...output.flatMap((count, axis) => [count, kernel[axis]])]
    const expanded = b.node('Expand', [b.node('Reshape', [value, b.indices(split)]), b.indices(repeated)])
    return b.node('Reshape', [expanded, b.indices(dims)])
  }
  const { padsEnd, outputPadding } = adjointPadding(geometry)
  const weights = b.constant(new Array<number>(channels * sizeOf(kernel)).fill(1), [channels, 1, ...kernel])
  return b.node('ConvTranspose', [value, weights], {
    group: channels,
    kernel_shape: kernel,
    strides,
    dilations,
    pads: [...padsBegin, ...padsEnd],
    output_padding: outputPadding,
  })
}
