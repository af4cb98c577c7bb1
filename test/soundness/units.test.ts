/**
 * Groups of nodes that are bounded as a whole (gated activations, periodic padding before a convolution, residual blocks,
 * centring): look-alikes that are none, and rounding that the whole does not show. Each of these was once bounded, or
 * certified, too tightly.
 */
import { describe, expect, it } from 'vitest'
import { randomStream } from '../../src/linalg/random.ts'
import type { GraphBuilder } from '../../src/onnx/builder.ts'
import { type Body, examine, executedError, modelOf } from './examine.ts'

let count = 0
const init = (b: GraphBuilder, dims: readonly number[], data: readonly number[]): string =>
  b.initializer(`w${count++}`, dims, data, 'float32')
const plus = (b: GraphBuilder, x: string, value: number): string => b.node('Add', [x, init(b, [1], [value])])
const wrapped = (b: GraphBuilder, x: string): string =>
  b.node('Pad', [x, b.indices([0, 0, 1, 0, 0, 1])], { mode: 'wrap' })
const BIG = 2 ** 20

describe('what is no periodic convolution', () => {
  const cases: readonly (readonly [name: string, body: Body, truth: number])[] = [
    [
      'a convolution that pads the wrapped signal with zeros',
      (b, x) => b.node('Conv', [wrapped(b, x), init(b, [1, 1, 5], [1, 0, 0, 0, -0.9])], { pads: [1, 1] }),
      1,
    ],
    [
      'the same with Slice and Concat',
      (b, x) => {
        const part = (from: number, to: number) =>
          b.node('Slice', [x, b.indices([from]), b.indices([to]), b.indices([2])])
        const signal = b.node('Concat', [part(3, 4), x, part(0, 1)], { axis: 2 })
        return b.node('Conv', [signal, init(b, [1, 1, 5], [1, 0, 0, 0, -0.9])], { pads: [1, 1] })
      },
      1,
    ],
    [
      'the ends repeated with Slice and Concat',
      (b, x) => {
        const part = (from: number, to: number) =>
          b.node('Slice', [x, b.indices([from]), b.indices([to]), b.indices([2])])
        const signal = b.node('Concat', [part(0, 1), x, part(3, 4)], { axis: 2 })
        return b.node('Conv', [signal, init(b, [1, 1, 3], [0, 0, 1])])
      },
      Math.SQRT2,
    ],
    [
      // Around two elements (1, 0) looks like the periodic signal of their positions, which the kernel takes to 0.
      'numbers of the file that look like positions',
      (b, x) => {
        const two = b.node('Slice', [x, b.indices([0]), b.indices([2]), b.indices([2])])
        const ends = [1, 0].map((value) => init(b, [1, 1, 1], [value])) as [string, string]
        const signal = b.node('Concat', [ends[0], two, ends[1]], { axis: 2 })
        return b.node('Conv', [signal, init(b, [1, 1, 3], [1, 0, -1])])
      },
      1,
    ],
  ]
  it.each(cases)('%s', async (_, body, truth) => {
    const { analysis, refuted } = await examine(modelOf([1, 1, 4], body, { opset: 19 }), 21, 40)
    expect(refuted).toEqual([])
    expect(analysis.bounds.joint.upper ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(truth * (1 - 1e-9))
  })
})

describe('what is less than a mean, and is no centring', () => {
  const cases: readonly (readonly [name: string, body: Body, truth: number])[] = [
    [
      'the mean of another tensor',
      (b, x) => b.node('Sub', [x, b.node('ReduceMean', [b.node('Mul', [x, b.constant([3])]), b.indices([2])])]),
      2,
    ],
    [
      'a mean that meets other elements than its own',
      (b, x) => {
        const square = b.node('Reshape', [x, b.indices([1, 2, 2])])
        return b.node('Sub', [square, b.node('ReduceMean', [square, b.indices([2])], { keepdims: 0 })])
      },
      1.2,
    ],
  ]
  it.each(cases)('%s', async (_, body, truth) => {
    const { analysis, refuted } = await examine(modelOf([1, 1, 4], body), 29, 20)
    expect(refuted).toEqual([])
    expect(analysis.bounds.joint.upper).toBeGreaterThanOrEqual(truth)
  })
})

describe('decisions', () => {
  const truth = (b: GraphBuilder, op: string, x: string): string =>
    b.node('Cast', [b.node(op, [x, b.constant([0], [])])], { to: 1 })
  const jumping: readonly (readonly [name: string, body: Body])[] = [
    ['x >= 0 less x > 0', (b, x) => b.node('Sub', [truth(b, 'GreaterOrEqual', x), truth(b, 'Greater', x)])],
    ['x <= 0 less x < 0', (b, x) => b.node('Sub', [truth(b, 'LessOrEqual', x), truth(b, 'Less', x)])],
  ]
  it('a choice jumps where the two differ by as much as is asked about, but not there', async () => {
    const model = modelOf([1, 4], (b, x) => {
      const above = b.node('Greater', [b.node('Sub', [x, b.constant([1])]), b.constant([0], [])])
      return b.node('Where', [above, b.node('Mul', [x, b.constant([2])]), x])
    })
    expect((await examine(model, 30, 1)).analysis.proof).toBeUndefined()
  })

  it.each(jumping)('%s is 1 at 0 and 0 beside it', async (_, body) => {
    const { analysis } = await examine(modelOf([1, 4], body), 25, 1)
    expect(analysis.proof).toBeUndefined()
  })

  it('a choice between two that meet where it changes does not jump', async () => {
    const model = modelOf([1, 4], (b, x) =>
      b.node('Where', [b.node('Less', [x, b.constant([0], [])]), b.node('Mul', [x, b.constant([0.5])]), x]),
    )
    const { analysis, refuted } = await examine(model, 26, 20)
    expect(refuted).toEqual([])
    expect(analysis.bounds.joint.upper).toBe(1)
  })
})

describe('gated activations', () => {
  const clipped = (b: GraphBuilder, argument: string): string =>
    b.node('Clip', [argument, b.constant([0], []), b.constant([1], [])])
  const rounding: readonly (readonly [name: string, body: Body])[] = [
    ['offsets that cancel inside the gate', (b, x) => b.node('Sigmoid', [plus(b, plus(b, x, BIG), -BIG)])],
    ['offsets that cancel behind the gate', (b, x) => plus(b, plus(b, b.node('Sigmoid', [x]), BIG), -BIG)],
    ['offsets that cancel before a clip', (b, x) => clipped(b, plus(b, plus(b, x, BIG), -BIG))],
  ]
  it.each(rounding)('%s round in the executed network', async (_, gate) => {
    const model = modelOf([1, 4], (b, x) => b.node('Mul', [x, gate(b, x)]))
    const { analysis } = await examine(model, 22, 1)
    const stream = randomStream(22)
    const points = Array.from({ length: 20 }, () => Float32Array.from({ length: 4 }, () => stream.normal()))
    expect(await executedError(model, analysis, points)).toBeLessThanOrEqual(1)
  })

  it('an offset that float64 loses still moves the gate', async () => {
    // x clip(x - 1, 0, 1) has slope 2 x - 1 = 3 at x = 2, where x clip(x, 0, 1) has 2 at most.
    const model = modelOf([1, 1], (b, x) =>
      b.node('Mul', [x, clipped(b, plus(b, plus(b, plus(b, x, 2 ** 60), -1), -(2 ** 60)))]),
    )
    const { analysis } = await examine(model, 23, 1)
    expect(analysis.bounds.joint.upper ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(3 * (1 - 1e-9))
  })

  it('a constant that the file computes is known up to its error only', async () => {
    // x clip(x - t, 0, 1) with t = 1 / 3 as a float32 runtime computes it: the slope reaches 2 + t.
    const model = modelOf([1, 1], (b, x) => {
      const third = b.node('Div', [init(b, [1], [1]), init(b, [1], [3])])
      return b.node('Mul', [x, clipped(b, b.node('Sub', [x, third]))])
    })
    const { analysis } = await examine(model, 24, 1)
    expect(analysis.bounds.joint.upper ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(2 + 1 / 3)
  })

  const scaled = (b: GraphBuilder, x: string, ...by: number[]): string => b.node('Mul', [x, init(b, [by.length], by)])
  const sigmoid = (b: GraphBuilder, x: string): string => b.node('Sigmoid', [x])
  const between = (b: GraphBuilder, x: string, low: number, high: number): string =>
    b.node('Clip', [x, b.constant([low], []), b.constant([high], [])])
  const slopes: readonly (readonly [name: string, body: Body, upper: number])[] = [
    // y' = 2 F - t inside, F outside.
    ['x clip(2 x + 3, -1, 4)', (b, x) => b.node('Mul', [x, between(b, plus(b, scaled(b, x, 2), 3), -1, 4)]), 5],
    [
      'x max(0, min(1, 3 - 0.7 (x + 1)))',
      (b, x) => {
        const gate = b.node('HardSigmoid', [plus(b, x, 1)], { alpha: { float: -0.7 }, beta: { float: 3 } })
        return b.node('Mul', [x, gate])
      },
      3 - Math.fround(0.7),
    ],
    ['3 x (clip(x, 0, 1) - 1/2)', (b, x) => b.node('Mul', [x, scaled(b, plus(b, between(b, x, 0, 1), -0.5), 3)]), 4.5],
    [
      '6 x (1/2 - clip(x, 0, 1) / 2)',
      (b, x) => {
        const half = scaled(b, between(b, x, 0, 1), 0.5)
        return b.node('Mul', [scaled(b, scaled(b, x, 2), 3), b.node('Sub', [init(b, [1], [0.5]), half])])
      },
      3,
    ],
    ['-6 x sigmoid(x)', (b, x) => b.node('Mul', [scaled(b, scaled(b, x, -2), 3), sigmoid(b, x)]), 6 * 1.0998393],
    [
      '2 x (1 - sigmoid(5 x))',
      (b, x) => {
        const gate = b.node('Sub', [init(b, [1], [1]), sigmoid(b, scaled(b, x, 5))])
        return b.node('Mul', [scaled(b, x, 2), gate])
      },
      2 * 1.0998393,
    ],
  ]
  it.each(slopes)('%s has this slope', async (_, body, upper) => {
    const { analysis, refuted } = await examine(modelOf([1, 3], body), 27, 20)
    expect(refuted).toEqual([])
    expect(analysis.bounds.joint.upper! / upper).toBeCloseTo(1, 6)
  })

  const steep: readonly (readonly [name: string, body: Body])[] = [
    ['(x + 1) sigmoid(x)', (b, x) => b.node('Mul', [plus(b, x, 1), sigmoid(b, x)])],
    ['x sigmoid(x + 1)', (b, x) => b.node('Mul', [x, sigmoid(b, plus(b, x, 1))])],
    ['x sigmoid(c x), c by the channel', (b, x) => b.node('Mul', [x, sigmoid(b, scaled(b, x, 1, 1, 5))])],
    ['c x sigmoid(x), c by the channel', (b, x) => b.node('Mul', [scaled(b, x, 1, 1, 5), sigmoid(b, x)])],
    [
      'x tanh of a cubic that is not that of GELU',
      (b, x) => {
        const cube = scaled(b, b.node('Mul', [x, b.node('Mul', [x, x])]), 0.3)
        const inner = b.node('Add', [scaled(b, x, Math.sqrt(2 / Math.PI)), cube])
        return b.node('Mul', [x, b.node('Tanh', [inner])])
      },
    ],
    [
      'one element repeated before its gate',
      (b, x) => {
        const first = b.node('Slice', [x, b.indices([0]), b.indices([1]), b.indices([1])])
        return b.node('Mul', [scaled(b, first, 1, 1, 1), sigmoid(b, scaled(b, first, 2, 2, 2))])
      },
    ],
  ]
  it.each(steep)('%s is no such thing', async (_, body) => {
    const { analysis, refuted } = await examine(modelOf([1, 3], body), 28, 12)
    expect(refuted).toEqual([])
    // Most have no bound here; where there is one, it is no gate's.
    expect(analysis.trace.some(({ rule }) => rule === 'gated-activation')).toBe(false)
  })
})
