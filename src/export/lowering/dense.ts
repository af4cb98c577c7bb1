import { lowerActivation } from './activation.ts'
import { identity } from './channels.ts'
import { number } from './config.ts'
import type { LayerLowering } from './lowering.ts'

/**
 * SpectralDense, FrobeniusDense, AOLDense and Dense as one Gemm. The rows of the (in, out) matrix are taken in the order in
 * which the ONNX features stand, so that the Flatten before it needs no Transpose. On images and sequences the matrix acts on
 * the channels of every pixel: a Conv with a kernel of one pixel.
 */
export const lowerDense: LayerLowering = (desk, layer) => {
  const units = number(layer, 'units', 0)
  const spatial = desk.shape.slice(0, -1)
  const features = desk.shape[desk.shape.length - 1]!
  // Stored (out, in) with transB = 1: onnxruntime packs either spelling once, and PyTorch's readers know this one.
  const order = new Int32Array(units * features)
  for (let o = 0; o < units; o++)
    for (let i = 0; i < features; i++) order[o * features + i] = (desk.order ? desk.order[i]! : i) * units + o
  const ones = spatial.map(() => 1)
  const inputs = [desk.tensor, desk.weight(layer, 'kernel', [units, features, ...ones], order)]
  if (layer.config.use_bias !== false) {
    inputs.push(desk.weight(layer, 'bias', [units], identity(units)))
  }
  desk.tensor =
    spatial.length === 0
      ? desk.node(layer.name, 'Gemm', inputs, { transB: 1 })
      : desk.node(layer.name, 'Conv', inputs, { kernel_shape: ones })
  desk.order = undefined
  desk.shape = [...spatial, units]
  desk.produced(layer)
  const disjoint = layer.className === 'FrobeniusDense' && layer.config.disjoint_neurons !== false
  // Where a pixel's outputs go on into further layers, they count together.
  const of = disjoint && spatial.length === 0 ? 'rows' : 'norm'
  desk.claim(layer.name, { limit: number(layer, 'k_coef_lip', 1), of })
  lowerActivation(desk, layer)
}
