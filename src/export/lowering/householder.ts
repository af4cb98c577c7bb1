import { identity, reorderChannels } from './channels.ts'
import { number, requireChannelsLast, unsupported } from './config.ts'
import type { LayerLowering, Lowering } from './lowering.ts'
import { scaleBy } from './scaling.ts'

/**
 * Householder: pairs (z1, z2) of the two halves of the channels, reflected where t = z1 sin(theta / 2) - z2 cos(theta / 2) > 0.
 *
 * In the basis of the line and its normal that is (t, u) -> (-|t|, u): a rotation R, an absolute value, the rotation back, each
 * a 1x1 convolution of norm 1 to the reader of the file. For theta = pi / 2 (the default) it is min and max.
 */
export const lowerHouseholder: LayerLowering = (desk, layer) => {
  requireChannelsLast(layer)
  const channels = desk.shape[desk.shape.length - 1]!
  if (channels % 2 !== 0) throw unsupported(layer, `pairs ${channels} channels`)
  const half = channels / 2
  const theta = layer.weights.theta?.data ?? new Float32Array(half).fill(Math.PI / 2)
  // deel-lip ignores k_coef_lip here.
  const k = (layer.config.compat ?? null) === null ? number(layer, 'k_coef_lip', 1) : 1
  if (!desk.training && theta.every((angle) => Math.abs(angle - Math.PI / 2) < 1e-6)) {
    reorderChannels(desk, desk.producer, `${layer.name}/order`, identity(channels))
    const [first, second] = halves(desk, layer.name, half)
    join(desk, layer.name, [
      desk.node(`${layer.name}/min`, 'Min', [first, second]),
      desk.node(`${layer.name}/max`, 'Max', [first, second]),
    ])
    scaleBy(desk, `${layer.name}/scale`, k)
    return
  }
  // Down by a few ulps: what is rounded to float32 must not expand.
  const scale = 1 - 2 ** -22
  const sin = Float64Array.from(theta, (angle) => Math.sin(angle / 2) * scale)
  const cos = Float64Array.from(theta, (angle) => Math.cos(angle / 2) * scale)
  // Rows t_j = sin z1_j - cos z2_j, u_j = cos z1_j + sin z2_j.
  const toLine = new Float32Array(channels * channels)
  // y1 = -sin |t| + cos u, y2 = cos |t| + sin u.
  const back = new Float32Array(channels * channels)
  for (let j = 0; j < half; j++) {
    const [s, c] = [sin[j]!, cos[j]!]
    toLine[j * channels + j] = s
    toLine[j * channels + half + j] = -c
    toLine[(half + j) * channels + j] = c
    toLine[(half + j) * channels + half + j] = s
    back[j * channels + j] = -s * k
    back[j * channels + half + j] = c * k
    back[(half + j) * channels + j] = c * k
    back[(half + j) * channels + half + j] = s * k
  }
  mix(desk, layer, 'rotation', toLine, desk.order)
  desk.order = undefined
  const [t, u] = halves(desk, layer.name, half)
  join(desk, layer.name, [desk.node(`${layer.name}/abs`, 'Abs', [t]), u])
  mix(desk, layer, 'back', back, undefined)
  desk.produced(undefined)
}

/** A matrix [c, c] on the channels of every pixel, its columns read in ONNX's order. */
function mix(
  desk: Lowering,
  layer: Parameters<LayerLowering>[1],
  role: string,
  matrix: Float32Array,
  inputOrder: Int32Array | undefined,
): void {
  const channels = desk.shape[desk.shape.length - 1]!
  const ones = desk.shape.slice(0, -1).map(() => 1)
  const order = Int32Array.from(matrix, (_, at) => {
    const [row, column] = [Math.floor(at / channels), at % channels]
    return row * channels + (inputOrder ? inputOrder[column]! : column)
  })
  const inputs = [desk.tensor, desk.fixed(layer, role, [channels, channels, ...ones], matrix, order)]
  const name = `${layer.name}/${role}/product`
  desk.tensor =
    ones.length === 0
      ? desk.node(name, 'Gemm', inputs, { transB: 1 })
      : desk.node(name, 'Conv', inputs, { kernel_shape: ones })
}

function halves(desk: Lowering, name: string, half: number): readonly [string, string] {
  const sizes = desk.indices(`${name}/halves/sizes`, [half, half])
  const [first, second] = desk.nodes(`${name}/halves`, 'Split', [desk.tensor, sizes], 2, { axis: 1 })
  return [first!, second!]
}

function join(desk: Lowering, name: string, parts: readonly string[]): void {
  desk.tensor = desk.node(`${name}/concat`, 'Concat', parts, { axis: 1 })
  desk.produced(undefined)
}
