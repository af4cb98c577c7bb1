import { unsupported } from './config.ts'
import type { Lowering } from './lowering.ts'

/** Multiplies the tensor in hand by a constant, rounded towards zero, where it is not 1. */
export function scaleBy(desk: Lowering, name: string, factor: number): void {
  if (factor === 1) return
  desk.tensor = desk.node(name, 'Mul', [desk.tensor, desk.constant(`${name}/factor`, [roundDown(factor)], [])])
}

/** x rounded towards zero to a float32: a factor that is rounded up would make the layer expand. */
export function roundDown(x: number): number {
  const nearest = Math.fround(x)
  if (Math.abs(nearest) <= Math.abs(x)) return nearest
  const bits = new Int32Array(new Float32Array([nearest]).buffer)
  bits[0]! -= 1
  return new Float32Array(bits.buffer)[0]!
}

/**
 * x * scale + shift, one number a channel (in deel-lip's order) or one for all. Both are computed from the layer's weights.
 */
export function scaleAndShift(
  desk: Lowering,
  layer: Parameters<Lowering['fixed']>[0],
  scale: Float32Array,
  shift: Float32Array | undefined,
): void {
  if (desk.training) throw unsupported(layer, 'normalises by the batch in training')
  const channels = desk.shape[desk.shape.length - 1]!
  const dims = [channels, ...new Array<number>(desk.shape.length - 1).fill(1)]
  const order = desk.order ?? Int32Array.from({ length: channels }, (_, channel) => channel)
  if (scale.length === 1) scaleBy(desk, `${layer.name}/scale`, scale[0]!)
  else {
    const factor = desk.fixed(layer, 'scale', dims, scale, order)
    desk.tensor = desk.node(`${layer.name}/scaled`, 'Mul', [desk.tensor, factor])
  }
  if (shift?.some((value) => value !== 0)) {
    const offset = desk.fixed(layer, 'shift', dims, shift, order)
    desk.tensor = desk.node(`${layer.name}/shifted`, 'Add', [desk.tensor, offset])
  }
  desk.carried(layer)
}
