import { elementOrder, identity, reorderChannels, restoreOrder } from './channels.ts'
import { unsupported } from './config.ts'
import { flatten } from './flatten.ts'
import type { LayerLowering } from './lowering.ts'

/** Reshape in Keras' channels-last order. The features are put in the order in which the new channels-first tensor has them. */
export const lowerReshape: LayerLowering = (desk, layer) => {
  const target = targetShape(layer, desk.shape)
  if (target.join() === desk.shape.join()) return
  flatten(desk, `${layer.name}/flat`)
  if (target.length === 1) return
  reorderChannels(desk, desk.producer, `${layer.name}/order`, elementOrder(target, undefined))
  const dims = [0, target[target.length - 1]!, ...target.slice(0, -1)]
  desk.tensor = desk.node(layer.name, 'Reshape', [desk.tensor, desk.indices(`${layer.name}/shape`, dims)])
  desk.shape = target
  desk.order = undefined
  desk.produced(undefined)
}

function targetShape(layer: Parameters<LayerLowering>[1], shape: readonly number[]): number[] {
  const { target_shape: wanted } = layer.config
  if (!Array.isArray(wanted)) throw unsupported(layer, `has target_shape = ${JSON.stringify(wanted)}`)
  const size = shape.reduce((product, dim) => product * dim, 1)
  const known = wanted.filter((dim) => dim !== -1 && dim !== null).reduce((product, dim) => product * dim, 1)
  const target = wanted.map((dim) => (dim === -1 || dim === null ? size / known : Number(dim)))
  if (target.length === 0 || !target.every(Number.isInteger) || target.reduce((a, b) => a * b, 1) !== size)
    throw unsupported(layer, `has target_shape = ${JSON.stringify(wanted)} for shape [${shape.join(', ')}]`)
  return target
}

/** Permute: axes in Keras' order, counted from 1. */
export const lowerPermute: LayerLowering = (desk, layer) => {
  const { dims } = layer.config
  const rank = desk.shape.length
  const axes = Array.isArray(dims) ? dims.map(Number) : []
  if (axes.length !== rank || !identity(rank).every((axis) => axes.includes(axis + 1)))
    throw unsupported(layer, `has dims = ${JSON.stringify(dims)}`)
  if (axes.every((axis, i) => axis === i + 1)) return
  restoreOrder(desk, `${layer.name}/order`)
  /** ONNX's position of Keras' axis 1 .. rank; the last one is the channels. */
  const position = (axis: number): number => (axis === rank ? 1 : axis + 1)
  const perm = new Array<number>(rank + 1).fill(0)
  axes.forEach((from, i) => {
    perm[position(i + 1)] = position(from)
  })
  desk.tensor = desk.node(layer.name, 'Transpose', [desk.tensor], { perm })
  desk.shape = axes.map((axis) => desk.shape[axis - 1]!)
  desk.produced(undefined)
}
