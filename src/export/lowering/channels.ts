import type { Shape } from '../../onnx/ir.ts'
import type { LoweredWeight, Lowering } from './lowering.ts'

/** Wanted: ONNX channel j holds deel-lip channel `wanted[j]`. Folded into the weights that made the tensor where possible. */
export function reorderChannels(
  desk: Lowering,
  producer: readonly LoweredWeight[] | undefined,
  name: string,
  wanted: Int32Array,
): void {
  const channels = wanted.length
  const current = desk.order ?? identity(channels)
  const position = new Int32Array(channels)
  for (let j = 0; j < channels; j++) position[current[j]!] = j
  const source = wanted.map((channel) => position[channel]!)
  if (source.every((from, to) => from === to)) return
  if (producer) {
    for (const weight of producer) weight.order = movedAlong(weight, source)
  } else {
    desk.tensor = desk.node(name, 'Gather', [desk.tensor, desk.indices(`${name}/order`, [...source])], { axis: 1 })
  }
  desk.order = wanted.every((channel, j) => channel === j) ? undefined : wanted
}

/** The elements of a weight with its output channel j taken from `source[j]`. */
function movedAlong({ dims, order, channelAxis = 0 }: LoweredWeight, source: Int32Array): Int32Array {
  const channels = source.length
  const block = dims.slice(channelAxis + 1).reduce((product, dim) => product * dim, 1)
  const moved = new Int32Array(order.length)
  for (let from = 0; from < order.length; from += channels * block)
    for (let j = 0; j < channels; j++) {
      const start = from + source[j]! * block
      moved.set(order.subarray(start, start + block), from + j * block)
    }
  return moved
}

/** Brings the channels in hand into deel-lip's own order. */
export function restoreOrder(desk: Lowering, name: string): void {
  reorderChannels(desk, desk.producer, name, identity(desk.shape[desk.shape.length - 1]!))
}

/** Position in deel-lip's flattened sample (channels last) of each element of the flattened ONNX tensor. */
export function elementOrder(shape: Shape, channelOrder: Int32Array | undefined): Int32Array {
  const channels = shape[shape.length - 1]!
  const pixels = shape.slice(0, -1).reduce((product, dim) => product * dim, 1)
  const order = new Int32Array(channels * pixels)
  let at = 0
  for (let c = 0; c < channels; c++) {
    const channel = channelOrder ? channelOrder[c]! : c
    for (let pixel = 0; pixel < pixels; pixel++) order[at++] = pixel * channels + channel
  }
  return order
}

export function identity(n: number): Int32Array {
  return Int32Array.from({ length: n }, (_, i) => i)
}
