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
    for (const weight of producer) {
      const block = weight.order.length / channels
      const moved = new Int32Array(weight.order.length)
      for (let j = 0; j < channels; j++)
        moved.set(weight.order.subarray(source[j]! * block, (source[j]! + 1) * block), j * block)
      weight.order = moved
    }
  } else {
    desk.tensor = desk.node(name, 'Gather', [desk.tensor, desk.indices(`${name}/order`, [...source])], { axis: 1 })
  }
  desk.order = wanted.every((channel, j) => channel === j) ? undefined : wanted
}

export function identity(n: number): Int32Array {
  return Int32Array.from({ length: n }, (_, i) => i)
}
