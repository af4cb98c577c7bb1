import { unsupported } from './config.ts'
import type { Lowering } from './lowering.ts'

/** Pixels before and after, per spatial axis; negative ones are cut off. */
export type Margins = readonly (readonly [before: number, after: number])[]

/** ONNX's name of a mode, where opset 18 has one. */
const NAMED: Readonly<Record<string, string>> = { constant: 'constant', reflect: 'reflect', replicate: 'edge' }

/**
 * Pads the images in hand with zeros, or with their own pixels: 'reflect' without the border, 'symmetric' with it, 'replicate',
 * 'circular'. What has no name in opset 18 is a Gather along each axis.
 */
export function padImages(
  desk: Lowering,
  layer: Parameters<typeof unsupported>[0],
  mode: string,
  margins: Margins,
): void {
  if (margins.every(([before, after]) => before === 0 && after === 0)) return
  const spatial = desk.shape.slice(0, -1)
  const padded = spatial.map((size, axis) => margins[axis]![0] + size + margins[axis]![1])
  const named = Object.hasOwn(NAMED, mode) ? NAMED[mode] : undefined
  if (named) {
    const pads = [0, 0, ...margins.map(([before]) => before), 0, 0, ...margins.map(([, after]) => after)]
    desk.tensor = desk.node(`${layer.name}/pad`, 'Pad', [desk.tensor, desk.indices(`${layer.name}/pads`, pads)], {
      mode: named,
    })
  } else {
    margins.forEach(([before, after], axis) => {
      if (before === 0 && after === 0) return
      const size = spatial[axis]!
      const from = Array.from({ length: padded[axis]! }, (_, i) => sourceOf(mode, i - before, size))
      if (from.some((i) => !(i >= 0 && i < size))) throw unsupported(layer, `has padding = ${mode}`)
      const name = `${layer.name}/pad${axis}`
      desk.tensor = desk.node(name, 'Gather', [desk.tensor, desk.indices(`${name}/from`, from)], { axis: axis + 2 })
    })
  }
  desk.shape = [...padded, desk.shape[desk.shape.length - 1]!]
}

/** The pixel that stands at `position` of an axis; -1 for a mode that is not known. */
function sourceOf(mode: string, position: number, size: number): number {
  if (mode === 'circular') return ((position % size) + size) % size
  if (mode !== 'symmetric') return -1
  return position < 0 ? -1 - position : position < size ? position : 2 * size - 1 - position
}
