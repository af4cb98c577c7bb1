import type { LayerLowering } from './lowering.ts'

/** Flatten of a channels-first tensor; remembers which channels-last feature each one is. */
export const lowerFlatten: LayerLowering = (desk, layer) => {
  if (desk.shape.length === 3) {
    const [height, width, channels] = desk.shape as readonly [number, number, number]
    const order = new Int32Array(height * width * channels)
    let at = 0
    for (let c = 0; c < channels; c++)
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) order[at++] = (y * width + x) * channels + (desk.order ? desk.order[c]! : c)
    desk.order = order.every((from, to) => from === to) ? undefined : order
    desk.produced(undefined)
    desk.tensor = desk.node(layer.name, 'Flatten', [desk.tensor], { axis: 1 })
    desk.shape = [order.length]
  }
}
