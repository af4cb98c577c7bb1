import { number, requireChannelsLast } from './config.ts'
import { spatialShape } from './conv2d.ts'
import { poolSize, scaleBy } from './l2-norm-pooling.ts'
import type { LayerLowering } from './lowering.ts'

/** ScaledAveragePooling2D: the mean over windows of P pixels times sqrt(P) k, so that a window's sum is divided by sqrt(P). */
export const lowerAveragePooling2D: LayerLowering = (desk, layer) => {
  requireChannelsLast(layer)
  const [height, width, channels] = spatialShape(desk.shape, layer)
  const [ph, pw] = poolSize(layer)
  desk.tensor = desk.node(layer.name, 'AveragePool', [desk.tensor], { kernel_shape: [ph, pw], strides: [ph, pw] })
  const scaled = layer.className.startsWith('Scaled') ? roundDown(Math.sqrt(ph * pw)) : 1
  scaleBy(desk, `${layer.name}/scale`, scaled * number(layer, 'k_coef_lip', 1))
  desk.shape = [Math.floor(height / ph), Math.floor(width / pw), channels]
}

/** The largest float32 not above x: a factor that is rounded up would make the layer expand. */
export function roundDown(x: number): number {
  const nearest = Math.fround(x)
  if (nearest <= x) return nearest
  const bits = new Int32Array(new Float32Array([nearest]).buffer)
  bits[0]! -= 1
  return new Float32Array(bits.buffer)[0]!
}
