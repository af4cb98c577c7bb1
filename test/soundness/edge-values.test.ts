/**
 * Values at the edge: constants that cancel, products below the smallest float64, sizes that a transposed convolution is
 * told, targets that are written twice, logits in the thousands.
 */
import { describe, expect, it } from 'vitest'
import { evaluate } from '../../src/graph/evaluate.ts'
import { prepare } from '../../src/graph/prepare.ts'
import { randomStream } from '../../src/linalg/random.ts'
import { analyse } from '../../src/lipschitz/analyse.ts'
import type { GraphBuilder } from '../../src/onnx/builder.ts'
import { timesUp } from '../../src/ops/sum-up.ts'
import { type Body, examine, executedError, modelOf } from './examine.ts'

let count = 0
const init = (b: GraphBuilder, dims: readonly number[], data: readonly number[]): string =>
  b.initializer(`w${count++}`, dims, data, 'float32')
const indices = (b: GraphBuilder, dims: readonly number[], data: readonly number[]): string =>
  b.initializer(`w${count++}`, dims, data, 'int64')

describe('constants that cancel still round', () => {
  const big = [2 ** 30, 2 ** 30, 2 ** 30, 2 ** 30]
  const small = big.map((x) => -x)
  const cases: readonly (readonly [name: string, body: Body])[] = [
    ['Sum', (b, x) => b.node('Sum', [x, b.node('Relu', [x]), init(b, [4], big), init(b, [4], small)])],
    ['Mean', (b, x) => b.node('Mean', [x, b.node('Relu', [x]), init(b, [4], big), init(b, [4], small)])],
    [
      'ScatterElements',
      (b, x) =>
        b.node('ScatterElements', [x, indices(b, [1, 2], [1, 1]), init(b, [1, 2], [2 ** 30, -(2 ** 30)])], {
          axis: 1,
          reduction: 'add',
        }),
    ],
    [
      'ScatterND',
      (b, x) =>
        b.node('ScatterND', [x, indices(b, [2, 2], [0, 1, 0, 1]), init(b, [2], [2 ** 30, -(2 ** 30)])], {
          reduction: 'add',
        }),
    ],
  ]
  it.each(cases)('%s', async (_, body) => {
    const model = modelOf([1, 4], body)
    const analysis = await analyse(prepare(model, { batch: 1 }))
    const stream = randomStream(5)
    const points = Array.from({ length: 8 }, () => Float32Array.from({ length: 4 }, () => stream.normal()))
    expect(await executedError(model, analysis, points)).toBeLessThanOrEqual(1)
  })
})

it('a product below the smallest float64 is not 0: later layers may bring it back', async () => {
  expect(timesUp(2 ** -600, 2 ** -600)).toBeGreaterThan(0)
  const model = modelOf([1, 1], (b, x) => {
    let h = x
    for (const weight of [...Array(9).fill(2 ** -149), ...Array(11).fill(2 ** 125)])
      h = b.node('Relu', [b.node('MatMul', [h, init(b, [1, 1], [weight])])])
    return h
  })
  const { bounds } = await analyse(prepare(model, { batch: 1 }))
  expect(bounds.logit.upper).toBeGreaterThanOrEqual(2 ** 34)
})

it('nor are factors whose product is, one after the other', async () => {
  const factors = [...Array(9).fill(2 ** -149), ...Array(11).fill(2 ** 125)]
  const model = modelOf([1, 2], (b, x) => factors.reduce((h, factor) => b.node('Mul', [h, b.constant([factor])]), x))
  const { bounds } = await analyse(prepare(model, { batch: 1 }))
  expect(bounds.logit.upper).toBeGreaterThanOrEqual(2 ** 34)
})

describe('the lower side of a transposed convolution is attained', () => {
  const cases: readonly (readonly [name: string, size: number, attributes: Record<string, readonly number[]>])[] = [
    ['an output_shape larger than the windows reach', 1, { output_shape: [3] }],
    ['an output_padding of a stride or more', 2, { output_padding: [1], dilations: [2] }],
  ]
  it.each(cases)('%s', async (_, size, attributes) => {
    const model = modelOf([1, 1, size], (b, x) => b.node('ConvTranspose', [x, init(b, [1, 1, 2], [1, 1])], attributes))
    const { analysis, refuted } = await examine(model, 3, 20)
    expect(refuted).toEqual([])
    // Two taps that no neighbour shares: sqrt 2, where the convolution over one position more has sqrt 3.
    expect(analysis.layers[0]!.lower).toBeLessThanOrEqual(Math.SQRT2 * (1 + 1e-12))
    expect(analysis.layers[0]!.upper).toBeGreaterThanOrEqual(Math.SQRT2 * (1 - 1e-12))
  })
})

it('ScatterElements that writes one place twice is refused: the specification leaves open which update stays', async () => {
  const model = modelOf([1, 4], (b, x) => {
    const updates = b.node('Slice', [x, indices(b, [1], [0]), indices(b, [1], [2]), indices(b, [1], [1])])
    return b.node('ScatterElements', [x, indices(b, [1, 2], [1, 1]), updates], { axis: 1 })
  })
  const { proof, coverage } = await analyse(prepare(model, { batch: 1 }))
  expect(proof).toBeUndefined()
  expect(coverage.refused[0]?.op).toBe('ScatterElements')
})

describe('the float64 evaluation is as exact as the lower bounds assume', () => {
  it.each(['Softmax', 'LogSoftmax'])('%s of logits in the thousands', (op) => {
    const at = (shift: number): Float64Array => {
      const program = prepare(
        modelOf([1, 3], (b, x) => b.node(op, [x], { axis: 1 })),
        { batch: 1 },
      )
      const feed = { ...program.inputs[0]!, data: Float64Array.of(shift, shift + 0.5, shift - 0.25) }
      return evaluate(program, new Map([['x', feed]]))
        .values()
        .next().value!.data
    }
    // The shift is exact, so the results have to be the same numbers.
    expect([...at(4096)]).toEqual([...at(0)])
  })
})
