import { describe, expect, it } from 'vitest'
import type { GraphBuilder } from '../../src/onnx/builder.ts'
import type { ElementType } from '../../src/onnx/ir.ts'
import { checkRows } from '../../src/verify/row-check.ts'
import { type Body, examine, modelOf } from './examine.ts'

let count = 0
const init = (
  b: GraphBuilder,
  dims: readonly number[],
  data: ArrayLike<number>,
  type: ElementType = 'float32',
): string => b.initializer(`w${count++}`, dims, data, type)
const reshape = (b: GraphBuilder, x: string, ...dims: number[]): string => b.node('Reshape', [x, b.indices(dims)])
const third = (b: GraphBuilder, p: number, q: number): string => b.node('Div', [init(b, [1], [p]), init(b, [1], [q])])
const times = (b: GraphBuilder, x: string, y: string | number): string =>
  b.node('Mul', [x, typeof y === 'string' ? y : b.constant([y])])
const halves = (b: GraphBuilder, x: string): readonly [string, string] =>
  b.nodes('Split', [x, b.indices([2, 2])], 2, { axis: 1 }) as unknown as readonly [string, string]
const batchOf = (b: GraphBuilder, x: string): string => b.node('Gather', [b.node('Shape', [x]), b.indices([0])])
const ROW = [1, 4]

/** Bounded, with an upper bound that is at least `least` and at most `most` (where a number is known). */
const bounded: readonly [name: string, dims: readonly number[], body: Body, least: number, most?: number][] = [
  [
    'padding that a Reshape moves: the convolution behind it does not see zeros around a map',
    [1, 1, 4],
    (b, x) => {
      const padded = reshape(b, b.node('Pad', [x, b.indices([0, 0, 2, 0, 0, 2])]), 1, 2, 4)
      const y = b.node('Conv', [padded, init(b, [2, 2, 1], [1, 1, 1, 1])])
      return times(b, y, init(b, [1, 2, 1], [1, 2]))
    },
    Math.sqrt(5) * (1 - 1e-12),
  ],
  [
    'channels of two samples that are reshaped into one',
    [1, 8, 2, 2],
    (b, x) => {
      const weights = new Float32Array(16)
      weights[0] = 1
      const y = b.node('Conv', [reshape(b, x, 2, 4, 2, 2), init(b, [4, 4, 1, 1], weights)])
      return times(b, reshape(b, y, 1, 4, 4, 2), init(b, [1, 4, 1, 1], [0, 0, 5, 0]))
    },
    5,
  ],
  [
    'a product of two constant expressions',
    [1, 2],
    (b, x) => times(b, times(b, b.node('Pad', [x, b.indices([0, 1, 0, 1])]), 1), init(b, [4], [1, 2, 3, 4])),
    3,
    3.001,
  ],
  ['Clip with min > max', ROW, (b, x) => b.node('Clip', [x, b.constant([3], []), b.constant([-3], [])]), 0, 0],
  ['Gather that repeats', ROW, (b, x) => b.node('Gather', [x, b.indices([0, 0, 0, -4])], { axis: 1 }), 2, 2],
  [
    'Max with an operand that broadcasts',
    ROW,
    (b, x) => b.node('Max', [b.node('ReduceMax', [x, b.indices([1])], { keepdims: 1 }), times(b, x, 0.1)]),
    2,
  ],
  [
    'an operand that broadcasts, against its own tensor',
    [1, 6],
    (b, x) => b.node('Add', [x, b.node('Slice', [x, b.indices([0]), b.indices([1]), b.indices([1])])]),
    3.0955,
  ],
  ['Softmax in the middle', ROW, (b, x) => times(b, b.node('Softmax', [x], { axis: 1 }), 4), 1.9],
  ['a last Softmax is stripped', ROW, (b, x) => b.node('Softmax', [times(b, x, 100)], { axis: 1 }), 100, 100],
  ['a last Softmax of one class is 1', [1, 1], (b, x) => b.node('Softmax', [times(b, x, 100)], { axis: 1 }), 0, 50.001],
  ['logits that are read twice', ROW, (b, x) => b.node('Add', [x, b.node('LogSoftmax', [x])]), 2.8],
  ['Dropout at inference', ROW, (b, x) => b.node('Dropout', [x, b.constant([0.5], [])]), 1, 1],
  [
    'a NaN in weights that are sliced away',
    ROW,
    (b, x) => times(b, x, b.node('Slice', [init(b, [2], [Number.NaN, 1]), b.indices([1]), b.indices([2])])),
    1,
    1,
  ],
  ['a slope that the file computes', [1, 2], (b, x) => b.node('PRelu', [x, times(b, third(b, 5, 3), 7)]), 35 / 3],
  [
    'max beside another min',
    ROW,
    (b, x) => {
      const [p, q] = halves(b, x)
      const other = b.node('Gather', [q, b.indices([1, 0])], { axis: 1 })
      return b.node('Concat', [b.node('Max', [p, q]), b.node('Min', [p, other])], { axis: 1 })
    },
    Math.SQRT2 * (1 - 1e-12),
  ],
  [
    'one rank twice',
    ROW,
    (b, x) => {
      const high = b.node('Max', [...halves(b, x)])
      return b.node('Concat', [high, high], { axis: 1 })
    },
    Math.SQRT2 * (1 - 1e-12),
  ],
  [
    'relu form with the wrong sign',
    ROW,
    (b, x) => {
      const [p, q] = halves(b, x)
      const gap = b.node('Relu', [b.node('Sub', [q, p])])
      return b.node('Concat', [b.node('Add', [q, gap]), b.node('Sub', [p, gap])], { axis: 1 })
    },
    2,
  ],
  [
    'sorted along another axis than grouped',
    [1, 2, 2],
    (b, x) => {
      const high = b.node('ReduceMax', [x, b.indices([1])], { keepdims: 1 })
      const low = b.node('ReduceMin', [x, b.indices([2])], { keepdims: 1 })
      return b.node('Concat', [high, b.node('Transpose', [low], { perm: [0, 2, 1] })], { axis: 1 })
    },
    Math.SQRT2 * (1 - 1e-12),
  ],
  [
    'L2 pool with overlapping windows',
    [1, 1, 5],
    (b, x) => b.node('Sqrt', [times(b, b.node('AveragePool', [times(b, x, x)], { kernel_shape: [2] }), 2)]),
    Math.SQRT2 * (1 - 1e-12),
  ],
  [
    'pad by reflection: the shift kernel',
    [1, 1, 6],
    (b, x) =>
      b.node('Conv', [
        b.node('Pad', [x, b.indices([0, 0, 1, 0, 0, 1])], { mode: 'reflect' }),
        init(b, [1, 1, 3], [0, 0, 1]),
      ]),
    Math.SQRT2 * (1 - 1e-12),
  ],
  [
    'AveragePool that leaves its padding out',
    [1, 1, 3],
    (b, x) => b.node('AveragePool', [x], { kernel_shape: [3], pads: [1, 1] }),
    1.028,
  ],
  [
    'a kernel whose peak lies between the grid',
    [1, 1, 31],
    (b, x) => b.node('Conv', [x, init(b, [1, 1, 3], [0.5, -1, 0.5])], { pads: [1, 1] }),
    1.99,
    2,
  ],
  [
    'layers rescaled by 2^100 and back',
    ROW,
    (b, x) => {
      const eye = (scale: number): string =>
        init(
          b,
          [4, 4],
          Float32Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? scale : 0)),
        )
      return b.node('MatMul', [b.node('Relu', [b.node('MatMul', [x, eye(2 ** 100)])]), eye(2 ** -100)])
    },
    1,
    1 + 1e-9,
  ],
  [
    'weights of 2^-126',
    ROW,
    (b, x) =>
      b.node('MatMul', [
        x,
        init(
          b,
          [4, 1],
          [1, 1, 1, 1].map((v) => v * 2 ** -126),
        ),
      ]),
    2 ** -125,
    2 ** -125 * (1 + 1e-9),
  ],
  [
    'denormal weights',
    ROW,
    (b, x) => b.node('MatMul', [x, init(b, [4, 1], [2 ** -149, 0, 0, 0])]),
    2 ** -149,
    2 ** -149 * (1 + 1e-9),
  ],
]

/** Nothing is proved about these. */
const refused: readonly [name: string, dims: readonly number[], body: Body][] = [
  ['x / |x|', ROW, (b, x) => b.node('Div', [x, b.node('Abs', [x])])],
  ['sign(x) x^2', ROW, (b, x) => b.node('Mul', [b.node('Sign', [x]), b.node('Mul', [x, x])])],
  ['sign(x) y', ROW, (b, x) => b.node('Mul', [b.node('Sign', [x]), b.node('Add', [x, b.constant([1])])])],
  [
    'the root of what may be negative',
    ROW,
    (b, x) => b.node('Sqrt', [b.node('Sub', [times(b, x, x), b.constant([1])])]),
  ],
  ['x^2', ROW, (b, x) => times(b, x, x)],
  ['0 log(x): NaN for what has no logarithm', ROW, (b, x) => b.node('Add', [x, times(b, b.node('Log', [x]), 0)])],
  [
    'min(relu(1 / x), 0): NaN at 0',
    ROW,
    (b, x) => b.node('Add', [x, b.node('Min', [b.node('Relu', [b.node('Div', [x, x])]), b.constant([0])])]),
  ],
  [
    'padding with a value that depends on the input',
    [1, 2],
    (b, x) => b.node('Pad', [x, b.indices([0, 3, 0, 3]), reshape(b, b.node('ReduceSum', [x], { keepdims: 1 }))]),
  ],
  [
    'sign(x + 1/3) (x + 3 * 1/9), rounded otherwise',
    ROW,
    (b, x) => {
      const other = b.node('Add', [x, times(b, third(b, 1, 9), init(b, [1], [3]))])
      return times(b, b.node('Sign', [b.node('Add', [x, third(b, 1, 3)])]), other)
    },
  ],
  ['Cast to int64 and back', ROW, (b, x) => b.node('Cast', [b.node('Cast', [x], { to: 7 })], { to: 1 })],
  ['Cast to float16 and back', ROW, (b, x) => b.node('Cast', [b.node('Cast', [x], { to: 10 })], { to: 1 })],
  ['Cast to bool and back', ROW, (b, x) => b.node('Cast', [b.node('Cast', [x], { to: 9 })], { to: 1 })],
  [
    'positions of TopK as numbers',
    ROW,
    (b, x) => b.node('Cast', [b.nodes('TopK', [x, b.indices([2])], 2)[1]!], { to: 1 }),
  ],
  [
    'positions of MaxPool as numbers',
    [1, 1, 4, 4],
    (b, x) => b.node('Cast', [b.nodes('MaxPool', [x], 2, { kernel_shape: [2, 2] })[1]!], { to: 1 }),
  ],
  [
    'a table read at ArgMax',
    ROW,
    (b, x) =>
      b.node('Gather', [init(b, [4, 2], [0, 1, 2, 3, 4, 5, 6, 7]), b.node('ArgMax', [x], { axis: 1, keepdims: 0 })]),
  ],
  [
    'Where with a condition on the input',
    ROW,
    (b, x) => b.node('Where', [b.node('Greater', [x, b.constant([0], [])]), b.node('Add', [x, b.constant([1])]), x]),
  ],
  ['ThresholdedRelu', ROW, (b, x) => b.node('ThresholdedRelu', [x], { alpha: { float: 1 } })],
  ['Dropout in training', ROW, (b, x) => b.node('Dropout', [x, b.constant([0.5], []), init(b, [], [1], 'bool')])],
  ['Hardmax', ROW, (b, x) => b.node('Hardmax', [x])],
  ['a NaN in a weight that is used', ROW, (b, x) => times(b, x, init(b, [4], [1, 1, Number.NaN, 1]))],
  [
    'a NaN through Max of constants',
    ROW,
    (b, x) => times(b, x, b.node('Max', [init(b, [1], [Number.NaN]), init(b, [1], [1])])),
  ],
  [
    'weights that cancel in the graph',
    [1, 1],
    (b, x) =>
      b.node('MatMul', [
        x,
        b.node('Sub', [b.node('Add', [init(b, [1, 1], [1]), init(b, [1, 1], [2 ** -30])]), init(b, [1, 1], [1])]),
      ]),
  ],
  ['an operator of another domain', ROW, (b, x) => b.node('Relu', [x], {}, { domain: 'com.example' })],
  ['an attribute that nobody knows', ROW, (b, x) => b.node('Relu', [x], { fast: 1 })],
]

/** One sample says nothing about a batch. */
const mixing: readonly [name: string, dims: readonly number[], body: Body][] = [
  ['scaled by the batch', ROW, (b, x) => times(b, x, b.node('Cast', [batchOf(b, x)], { to: 1 }))],
  [
    'a weight chosen by the batch',
    ROW,
    (b, x) =>
      times(
        b,
        x,
        b.node('Gather', [
          init(
            b,
            [100],
            Float32Array.from({ length: 100 }, (_, i) => i),
          ),
          batchOf(b, x),
        ]),
      ),
  ],
  [
    'a weight that changes at batches of 64',
    ROW,
    (b, x) => {
      const large = b.node('Cast', [b.node('Greater', [batchOf(b, x), b.indices([63])])], { to: 1 })
      return times(b, x, b.node('Add', [times(b, large, 99), b.constant([1])]))
    },
  ],
  [
    'the first row apart',
    ROW,
    (b, x) =>
      b.node(
        'Concat',
        [
          b.node('Slice', [x, b.indices([0]), b.indices([1]), b.indices([0])]),
          times(b, b.node('Slice', [x, b.indices([1]), b.indices([2 ** 31 - 1]), b.indices([0])]), 100),
        ],
        { axis: 0 },
      ),
  ],
  [
    'the fifth row apart',
    ROW,
    (b, x) =>
      b.node(
        'Concat',
        [
          b.node('Slice', [x, b.indices([0]), b.indices([5]), b.indices([0])]),
          times(b, b.node('Slice', [x, b.indices([5]), b.indices([2 ** 31 - 1]), b.indices([0])]), 100),
        ],
        { axis: 0 },
      ),
  ],
  ['a triangle across the batch', ROW, (b, x) => b.node('Trilu', [x, b.indices([0], [])], { upper: 0 })],
  ['a triangle far across the batch', ROW, (b, x) => b.node('Trilu', [x, b.indices([-9], [])], { upper: 0 })],
  [
    'a Reshape that moves the batch',
    ROW,
    (b, x) => b.node('Transpose', [b.node('Reshape', [x, b.indices([4, -1])])], { perm: [1, 0] }),
  ],
  ['Flatten(0)', ROW, (b, x) => b.node('Flatten', [x], { axis: 0 })],
  [
    'the mean of the batch',
    ROW,
    (b, x) => b.node('Sub', [x, b.node('ReduceMean', [x, b.indices([0])], { keepdims: 1 })]),
  ],
  ['Softmax over the batch', ROW, (b, x) => b.node('Softmax', [x], { axis: 0 })],
  [
    'positions in the batch as factors',
    ROW,
    (b, x) =>
      times(
        b,
        x,
        b.node('Unsqueeze', [
          b.node(
            'Cast',
            [b.node('Range', [b.indices([0], []), b.node('Squeeze', [batchOf(b, x)]), b.indices([1], [])])],
            { to: 1 },
          ),
          b.indices([1]),
        ]),
      ),
  ],
]

describe('traps: bounded, and truly', () => {
  it.each(bounded)('%s', async (_, dims, body, least, most) => {
    const { analysis, refuted } = await examine(modelOf(dims, body, { fixed: true }), 1, 14)
    expect(analysis.coverage.refused).toEqual([])
    expect(refuted).toEqual([])
    expect(analysis.bounds.joint.upper).toBeGreaterThanOrEqual(least)
    if (most !== undefined) expect(analysis.bounds.joint.upper).toBeLessThanOrEqual(most)
  })
})

describe('traps: refused by name', () => {
  it.each(refused)('%s', async (_, dims, body) => {
    const { analysis } = await examine(modelOf(dims, body, { fixed: true }), 1, 0)
    expect(analysis.proof).toBeUndefined()
    expect(analysis.bounds.joint.upper).toBeNull()
    expect(analysis.bounds.features.upper).toBeNull()
    expect(analysis.coverage.refused[0]!.reason).not.toBe('')
  })
})

describe('traps: a batch is not many samples', () => {
  it.each(mixing)('%s', (_, dims, body) => {
    const { reason, batch } = checkRows(modelOf(dims, body))
    expect(reason).toBeDefined()
    expect(batch).toBe(1)
  })
  it('an honest network is many samples', () => {
    const body: Body = (b, x) => {
      const flat = b.node('Reshape', [x, b.node('Concat', [batchOf(b, x), b.indices([-1])], { axis: 0 })])
      const y = b.node('Relu', [b.node('Gemm', [flat, init(b, [8, 4], new Float32Array(32).fill(0.5))])])
      return b.node('Concat', [b.node('Softmax', [y], { axis: 1 }), b.nodes('TopK', [y, b.indices([2])], 2)[0]!], {
        axis: 1,
      })
    }
    expect(checkRows(modelOf([1, 2, 2, 2], body))).toEqual({ reason: undefined, batch: 64 })
  })
})
