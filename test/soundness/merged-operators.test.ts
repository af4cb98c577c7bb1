/**
 * Merging linear neighbours into one operator is sound only where the merged operator is the one that runs. Each network here
 * was once bounded by another operator's norm: dropping the check that the comment names makes its bound fall below what a
 * pair of points attains.
 */
import { describe, expect, it } from 'vitest'
import type { GraphBuilder } from '../../src/onnx/builder.ts'
import { type Body, examine, modelOf } from './examine.ts'

let count = 0
const init = (b: GraphBuilder, dims: readonly number[], data: readonly number[]): string =>
  b.initializer(`w${count++}`, dims, data, 'float32')
const reshape = (b: GraphBuilder, x: string, ...dims: number[]): string => b.node('Reshape', [x, b.indices(dims)])
const zeros = (size: number, entries: Readonly<Record<number, number>>): number[] =>
  Array.from({ length: size }, (_, k) => entries[k] ?? 0)

const traps: readonly (readonly [name: string, dims: readonly number[], body: Body, truth: number])[] = [
  [
    // uniform-map: a crop is no negative padding. I - T with T on all of x is 0.
    'a convolution of a crop, subtracted from the whole',
    [1, 1, 8],
    (b, x) => {
      const crop = b.node('Slice', [x, b.indices([0]), b.indices([4]), b.indices([2])])
      return b.node('Add', [x, b.node('Conv', [crop, init(b, [1, 1, 1], [-1])], { pads: [0, 4] })])
    },
    1,
  ],
  [
    // uniform-map: the second output of a Split is not its first.
    'a convolution of the second half, added to the whole',
    [1, 1, 8],
    (b, x) => {
      const [, half] = b.nodes('Split', [x, b.indices([4, 4])], 2, { axis: 2 })
      return b.node('Add', [x, b.node('Conv', [half!, init(b, [1, 1, 5], [1, 0, 0, 0, 0])], { pads: [4, 4] })])
    },
    2,
  ],
  [
    // residual-block: x W and W h have the same matrix, and are no adjoints.
    'a residual block whose two matrices act along different axes',
    [1, 2, 2],
    (b, x) => {
      const w = init(b, [2, 2], [1, 0, 0, -1])
      const back = b.node('MatMul', [w, b.node('Relu', [b.node('MatMul', [x, w])])])
      return b.node('Add', [x, b.node('Mul', [back, b.constant([-2])])])
    },
    3,
  ],
  [
    // mat-mul: a stack of matrices has the norm of a grouped convolution, but not its layout.
    'a stack of matrices after a convolution of several samples',
    [1, 8],
    (b, x) => {
      const maps = b.node('Conv', [reshape(b, x, 2, 4, 1), init(b, [4, 4, 1], zeros(16, { 0: 10 }))])
      const stack = init(b, [2, 2, 2], zeros(8, { 4: 5, 7: 5 }))
      return reshape(b, b.node('MatMul', [reshape(b, maps, 2, 2, 2), stack]), 1, 8)
    },
    50,
  ],
  [
    // uniform-map: factors of what became of positions, not of channels.
    'factors of channels that were positions of a convolution',
    [1, 8],
    (b, x) => {
      const map = b.node('Conv', [reshape(b, x, 1, 4, 2), init(b, [4, 4, 1], zeros(16, { 0: 10 }))])
      return reshape(b, b.node('Mul', [reshape(b, map, 2, 4, 1), init(b, [4, 1], [1, 50, 1, 1])]), 1, 8)
    },
    500,
  ],
]

describe('operators that must not be merged as if they were others', () => {
  it.each(traps)('%s', async (_, dims, body, truth) => {
    const { analysis, refuted } = await examine(modelOf(dims, body), 11, 60)
    expect(refuted).toEqual([])
    expect(analysis.bounds.joint.upper).toBeGreaterThanOrEqual(truth * (1 - 1e-12))
  })

  it('what may be merged still is: zeros around a map, a block with its own adjoint', async () => {
    const padded = modelOf([1, 1, 8], (b, x) => {
      const wide = b.node('Pad', [x, b.indices([0, 0, 1, 0, 0, 1])])
      return b.node('Add', [x, b.node('Conv', [wide, init(b, [1, 1, 3], [0, -1, 0])])])
    })
    expect((await examine(padded, 12, 5)).analysis.bounds.joint.upper).toBe(0)
    const block = modelOf([1, 2], (b, x) => {
      const w = init(b, [2, 2], [1, 0, 0, -1])
      const back = b.node('Gemm', [b.node('Relu', [b.node('Gemm', [x, w])]), w], { transB: 1 })
      return b.node('Add', [x, b.node('Mul', [back, b.constant([-2])])])
    })
    expect((await examine(block, 13, 5)).analysis.bounds.joint.upper).toBeCloseTo(1, 9)
  })

  it('what an adjoint is off counts: (1, 1 + e) is not (1, 1)', async () => {
    const e = 2 ** -20
    const block = modelOf([1, 2], (b, x) => {
      const hidden = b.node('Relu', [b.node('Gemm', [x, init(b, [2, 1], [1, 1])])])
      return b.node('Sub', [x, b.node('Gemm', [hidden, init(b, [1, 2], [1, 1 + e])])])
    })
    const { upper } = (await examine(block, 14, 5)).analysis.bounds.joint
    // The active Jacobian [[0, -1], [-1 - e, -e]]: its singular values have the product 1 + e and the difference sqrt(2) e.
    expect(upper).toBeGreaterThanOrEqual((Math.sqrt(4 + 4 * e + 2 * e * e) + Math.SQRT2 * e) / 2)
    expect(upper).toBeLessThan(1 + 1e-5)
  })
})

describe('residual blocks: what is one, and what only looks like one', () => {
  const LEFT = [0.6, 0.3, -0.2, 0.7]
  const relu = (b: GraphBuilder, x: string): string => b.node('Relu', [x])
  const times = (b: GraphBuilder, x: string, ...by: number[]): string => b.node('Mul', [x, init(b, [by.length], by)])
  const forth = (b: GraphBuilder, x: string, w: string): string => b.node('Gemm', [x, w], { transB: 1 })
  const conv = (b: GraphBuilder, x: string, w: string, pads: number[] = []): string =>
    b.node('Conv', [x, w], pads.length > 0 ? { pads } : {})
  const less = (b: GraphBuilder, x: string, y: string): string => b.node('Sub', [x, y])
  const cases: readonly (readonly [name: string, dims: readonly number[], body: Body, upper: number])[] = [
    [
      'factors one after the other',
      [1, 2],
      (b, x) => {
        const w = init(b, [2, 2], [1, 0, 0, 1])
        return less(b, x, times(b, times(b, b.node('Gemm', [relu(b, forth(b, x, w)), w]), 4), 0.5))
      },
      1,
    ],
    [
      'a map above 1: 1 - 2 · 2.25',
      [1, 2],
      (b, x) => {
        const w = init(b, [2, 2], [1.5, 0, 0, 0.5])
        return less(b, x, times(b, b.node('Gemm', [relu(b, forth(b, x, w)), w]), 2))
      },
      3.5,
    ],
    [
      'a hidden tensor of five times x',
      [1, 2],
      (b, x) => {
        const w = init(b, [2, 2], [1, 0, 0, 1])
        return less(b, x, times(b, b.node('Gemm', [relu(b, forth(b, times(b, x, 5), w)), w]), 2))
      },
      9,
    ],
    [
      'maxima of neighbours, which are no elementwise function',
      [1, 1, 3],
      (b, x) => {
        const w = init(b, [1, 1, 1], [1])
        const hidden = b.node('MaxPool', [conv(b, x, w)], { kernel_shape: [3], pads: [1, 1] })
        return less(b, x, times(b, conv(b, hidden, w), 2))
      },
      Math.sqrt(17),
    ],
    [
      'factors of the hidden channels',
      [1, 2],
      (b, x) => {
        const w = init(b, [2, 2], [1, 0, 0, 1])
        return less(b, x, b.node('Gemm', [times(b, relu(b, forth(b, x, w)), 0.1, 4), w]))
      },
      3,
    ],
    [
      'an adjoint that is shifted',
      [1, 1, 5],
      (b, x) => {
        const w = init(b, [1, 1, 3], [0, 0, 1])
        const hidden = relu(b, conv(b, x, w, [2, 0]))
        return less(b, x, times(b, b.node('ConvTranspose', [hidden, w], { pads: [0, 2] }), 2))
      },
      3 * Math.cos(Math.PI / 5),
    ],
    [
      'a kernel that is not turned around',
      [1, 1, 6],
      (b, x) => {
        const w = init(b, [1, 1, 3], [0, 0, 1])
        return less(b, x, times(b, conv(b, relu(b, conv(b, x, w, [1, 1])), w, [1, 1]), 2))
      },
      2,
    ],
    [
      'a quarter turn forth and another, not back',
      [1, 2, 1],
      (b, x) => {
        const hidden = relu(b, b.node('ConvTranspose', [x, init(b, [2, 2, 1], [0, 1, -1, 0])]))
        return less(b, x, times(b, conv(b, hidden, init(b, [2, 2, 1], [0, -1, 1, 0])), 2))
      },
      3,
    ],
    [
      'a slope of -1',
      [1, 2],
      (b, x) => {
        const w = init(b, [2, 2], LEFT)
        const hidden = b.node('LeakyRelu', [forth(b, x, w)], { alpha: { float: -1 } })
        return less(b, x, times(b, b.node('Gemm', [hidden, w]), 2))
      },
      2.1769,
    ],
  ]
  it.each(cases)('%s', async (_, dims, body, truth) => {
    const { analysis, refuted } = await examine(modelOf(dims, body), 15, 12)
    expect(refuted).toEqual([])
    expect(analysis.bounds.joint.upper).toBeGreaterThanOrEqual(truth * (1 - 1e-6))
    // A block by its own theorem is exact; what is none has the sum of its branches at most.
    expect(analysis.bounds.joint.upper).toBeLessThanOrEqual(Math.max(truth * (1 + 1e-6), 12))
  })

  it('of a block the theorem gives the exact constant', async () => {
    const exact = async (k: number): Promise<number> => {
      const [, dims, body] = cases[k]!
      return (await examine(modelOf(dims, body), 15, 0)).analysis.bounds.joint.upper!
    }
    expect(await exact(0)).toBeCloseTo(1, 9)
    expect(await exact(1)).toBeCloseTo(3.5, 9)
    expect(await exact(4)).toBeCloseTo(3, 9)
    const turned = modelOf([1, 1, 6], (b, x) => {
      const hidden = relu(b, conv(b, x, init(b, [1, 1, 3], [0, 0, 1]), [1, 1]))
      return less(b, x, times(b, conv(b, hidden, init(b, [1, 1, 3], [1, 0, 0]), [1, 1]), 2))
    })
    expect((await examine(turned, 16, 5)).analysis.bounds.joint.upper).toBeCloseTo(1, 9)
  })

  it('what an adjoint is off counts as often as the branch is taken', async () => {
    const e = 2 ** -20
    const block = modelOf([1, 2], (b, x) => {
      const hidden = relu(b, b.node('Gemm', [x, init(b, [2, 1], [0.5, 0.5])]))
      return less(b, x, times(b, b.node('Gemm', [hidden, init(b, [1, 2], [0.5, 0.5 * (1 + e)])]), 4))
    })
    const { upper } = (await examine(block, 17, 5)).analysis.bounds.joint
    expect(upper).toBeGreaterThanOrEqual((Math.sqrt(4 + 4 * e + 2 * e * e) + Math.SQRT2 * e) / 2)
    expect(upper).toBeLessThan(1 + 1e-5)
  })
})

describe('what is the identity up to a factor, and what is not', () => {
  const one = (b: GraphBuilder, x: string, by: number): string => b.node('Conv', [x, init(b, [1, 1, 1], [by])])
  const cases: readonly (readonly [name: string, body: Body, truth: number])[] = [
    [
      'a row turned around, less the row',
      (b, x) => {
        const turned = b.node('Slice', [x, b.indices([-1]), b.indices([-9]), b.indices([2]), b.indices([-1])])
        return b.node('Sub', [turned, one(b, x, 1)])
      },
      2,
    ],
    [
      'factors that differ, less five times the row',
      (b, x) => b.node('Sub', [b.node('Mul', [x, init(b, [4], [1, 5, 5, 5])]), one(b, x, 5)]),
      4,
    ],
    [
      'the same factor everywhere',
      (b, x) => b.node('Sub', [b.node('Mul', [x, init(b, [4], [5, 5, 5, 5])]), one(b, x, 5)]),
      0,
    ],
  ]
  it.each(cases)('%s', async (_, body, truth) => {
    const { analysis, refuted } = await examine(modelOf([1, 1, 4], body), 18, 12)
    expect(refuted).toEqual([])
    expect(analysis.bounds.joint.upper).toBeGreaterThanOrEqual(truth * (1 - 1e-9))
    expect(analysis.bounds.joint.upper).toBeLessThanOrEqual(truth * (1 + 1e-6) + 1e-12)
  })
})
