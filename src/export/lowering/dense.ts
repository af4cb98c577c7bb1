import { lowerActivation } from './activation.ts'
import { identity } from './channels.ts'
import { number, unsupported } from './config.ts'
import type { LayerLowering } from './lowering.ts'

/**
 * SpectralDense, FrobeniusDense and Dense as one Gemm. The rows of the (in, out) matrix are taken in the order in which the
 * ONNX features stand, so that the Flatten before it needs no Transpose.
 */
export const lowerDense: LayerLowering = (desk, layer) => {
  if (desk.shape.length !== 1)
    throw unsupported(layer, `is applied to shape [${desk.shape.join(', ')}] without Flatten`)
  const units = number(layer, 'units', 0)
  const features = desk.shape[0]!
  // Stored (out, in) with transB = 1: onnxruntime packs either spelling once, and PyTorch's readers know this one.
  const order = new Int32Array(units * features)
  for (let o = 0; o < units; o++)
    for (let i = 0; i < features; i++) order[o * features + i] = (desk.order ? desk.order[i]! : i) * units + o
  const inputs = [desk.tensor, desk.weight(layer, 'kernel', [units, features], order)]
  if (layer.config.use_bias !== false) {
    inputs.push(desk.weight(layer, 'bias', [units], identity(units)))
  }
  desk.tensor = desk.node(layer.name, 'Gemm', inputs, { transB: 1 })
  desk.order = undefined
  desk.shape = [units]
  desk.produced(layer)
  const disjoint = layer.className === 'FrobeniusDense' && layer.config.disjoint_neurons !== false
  desk.claim(layer.name, { limit: number(layer, 'k_coef_lip', 1), of: disjoint ? 'rows' : 'norm' })
  lowerActivation(desk, layer)
}
