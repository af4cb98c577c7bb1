import { identity, restoreOrder } from './channels.ts'
import { number, requireLastAxis, unsupported, weightOf } from './config.ts'
import type { Hand, LayerLowering, Lowering } from './lowering.ts'
import { roundDown, scaleBy } from './scaling.ts'

/** ONNX's operator of two operands. */
const ELEMENTWISE: Readonly<Record<string, string>> = {
  Subtract: 'Sub',
  Multiply: 'Mul',
  Maximum: 'Max',
  Minimum: 'Min',
}

/** Add, Subtract, Average, Multiply, Maximum, Minimum: element by element. */
export const lowerElementwise: LayerLowering = (desk, layer) => {
  const operands = aligned(desk, layer)
  const op = ELEMENTWISE[layer.className] ?? 'Add'
  if (op === 'Sub' && operands.length !== 2) throw unsupported(layer, `takes ${operands.length} inputs`)
  const [first, ...rest] = operands
  let sum = first!.tensor
  rest.forEach(({ tensor }, i) => {
    sum = desk.node(i === rest.length - 1 ? layer.name : `${layer.name}/${i + 1}`, op, [sum, tensor])
  })
  desk.tensor = sum
  if (layer.className === 'Average') scaleBy(desk, `${layer.name}/share`, 1 / operands.length)
}

/** LipResidual: sigmoid(alpha) x + (1 - sigmoid(alpha)) y, times k. */
export const lowerLipResidual: LayerLowering = (desk, layer) => {
  const [x, y, ...more] = aligned(desk, layer)
  if (!x || !y || more.length > 0) throw unsupported(layer, `takes ${desk.operands.length} inputs`)
  const share = 1 / (1 + Math.exp(-weightOf(layer, 'alpha').data[0]!))
  const k = number(layer, 'k_coef_lip', 1)
  const parts = [share, 1 - share].map((factor, i) => {
    const name = `${layer.name}/${i === 0 ? 'share' : 'rest'}`
    const scalar = desk.fixed(
      layer,
      i === 0 ? 'share' : 'rest',
      [1],
      Float32Array.of(roundDown(factor * k)),
      identity(1),
    )
    return desk.node(`${name}/product`, 'Mul', [[x, y][i]!.tensor, scalar])
  })
  desk.tensor = desk.node(layer.name, 'Add', parts)
}

/** Concatenate along the channels, or along an axis of the image. */
export const lowerConcatenate: LayerLowering = (desk, layer) => {
  const rank = desk.shape.length
  const axis = number(layer, 'axis', -1)
  const place = axis < 0 ? axis + rank + 1 : axis
  if (place > 0 && place < rank) {
    const hands = aligned(desk, layer, place - 1)
    const tensors = hands.map(({ tensor }) => tensor)
    desk.tensor = desk.node(layer.name, 'Concat', tensors, { axis: place + 1 })
    desk.shape = desk.shape.with(
      place - 1,
      hands.reduce((sum, { shape }) => sum + shape[place - 1]!, 0),
    )
    return
  }
  requireLastAxis(desk, layer)
  const { operands } = desk
  const spatial = desk.shape.slice(0, -1)
  if (operands.some(({ shape }) => shape.slice(0, -1).join() !== spatial.join()))
    throw unsupported(layer, `joins shapes ${operands.map(({ shape }) => `[${shape.join(', ')}]`).join(' and ')}`)
  const order: number[] = []
  for (const hand of operands) {
    const before = order.length
    for (const channel of hand.order ?? identity(hand.shape[hand.shape.length - 1]!)) order.push(before + channel)
  }
  desk.tensor = desk.node(
    layer.name,
    'Concat',
    operands.map(({ tensor }) => tensor),
    { axis: 1 },
  )
  desk.shape = [...spatial, order.length]
  desk.order = order.every((channel, i) => channel === i) ? undefined : Int32Array.from(order)
  desk.produced(undefined)
}

/** The operands, of one shape but for one axis, with their channels in one order; the first is left in hand. */
function aligned(desk: Lowering, layer: Parameters<LayerLowering>[1], open?: number): readonly Hand[] {
  const { operands } = desk
  if (operands.length < 2) throw unsupported(layer, `takes ${operands.length} input`)
  const fixed = (shape: Hand['shape']): string => (open === undefined ? shape : shape.with(open, 0)).join()
  if (operands.some(({ shape }) => fixed(shape) !== fixed(operands[0]!.shape)))
    throw unsupported(layer, `joins shapes ${operands.map(({ shape }) => `[${shape.join(', ')}]`).join(' and ')}`)
  const orders = new Set(operands.map(({ order }) => order?.join() ?? ''))
  const hands =
    orders.size === 1
      ? operands
      : operands.map((hand, i): Hand => {
          desk.take(hand)
          restoreOrder(desk, `${layer.name}/order${i}`)
          return { tensor: desk.tensor, shape: desk.shape, order: desk.order, producer: undefined }
        })
  desk.take(hands[0]!)
  desk.produced(undefined)
  return hands
}
