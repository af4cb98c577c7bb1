import { elementOrder } from './channels.ts'
import { requireChannelsLast } from './config.ts'
import type { LayerLowering, Lowering } from './lowering.ts'

/** Flatten of a channels-first tensor; remembers which channels-last feature each one is. */
export const lowerFlatten: LayerLowering = (desk, layer) => {
  requireChannelsLast(layer)
  flatten(desk, layer.name)
}

export function flatten(desk: Lowering, name: string): void {
  if (desk.shape.length === 1) return
  const pixels = desk.shape.slice(0, -1).every((size) => size === 1)
  const order = elementOrder(desk.shape, desk.order)
  desk.order = order.every((from, to) => from === to) ? undefined : order
  // One pixel: features are the channels still.
  if (!pixels) desk.produced(undefined)
  desk.tensor = desk.node(name, 'Flatten', [desk.tensor], { axis: 1 })
  desk.shape = [order.length]
}
