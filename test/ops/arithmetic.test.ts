import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OPERATORS } from '../../src/ops/index.ts'
import {
  backward,
  constantOf,
  disagreement,
  evaluate,
  fixed,
  floats,
  type Given,
  integers,
  type NodeCase,
  random,
  siteOf,
  slopeOf,
} from './one-node.ts'
import { checkGradient } from './vjp-harness.ts'

/** Pairs of shapes that broadcast against each other. */
const shapes = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.constantFrom('both', 'left', 'right')), {
    minLength: 1,
    maxLength: 4,
  })
  .chain((axes) =>
    fc.tuple(fc.constant(axes), fc.nat({ max: axes.length }), fc.boolean()).map(([list, cut, swap]) => {
      const a = list.map(([size, which]) => (which === 'right' ? 1 : size))
      const b = list.map(([size, which]) => (which === 'left' ? 1 : size)).slice(cut)
      return swap ? ([b, a] as const) : ([a, b] as const)
    }),
  )

const check = (property: fc.IAsyncProperty<unknown>, runs: number) =>
  fc.assert(property as fc.IAsyncProperty<[unknown]>, {
    numRuns: runs * (process.env.LIP_ONNX_SLOW ? 10 : 1),
    seed: 11,
  })

const awayFromZero = (given: Given): Given => ({
  ...given,
  data: given.data.map((v) => Math.fround(v < 0 ? v - 0.5 : v + 0.5)),
})

describe('elementwise arithmetic is that of onnxruntime', () => {
  it.each(['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Sum', 'Mean'])('%s with broadcasting', (op) =>
    check(
      fc.asyncProperty(shapes, async ([a, b]) => {
        const one: NodeCase = { op, inputs: [random(a, 1), awayFromZero(random(b, 2))] }
        expect(await disagreement(one)).toBeLessThanOrEqual(1)
        await checkGradient({
          op,
          inputs: one.inputs.map((given) => ({ dims: given!.dims, values: given!.data })),
          tolerance: 1e-5,
        })
      }),
      12,
    ),
  )

  it.each(['Sum', 'Mean', 'Max', 'Min'])('%s of one, three and five', async (op) => {
    for (const count of [1, 3, 5]) {
      const inputs = Array.from({ length: count }, (_, i) => random(i % 2 ? [3] : [2, 3], i + 1))
      // Sums of many are compared with the sum of all magnitudes.
      expect(await disagreement({ op, inputs })).toBeLessThanOrEqual(count)
      await checkGradient({ op, inputs: inputs.map(({ dims }) => ({ dims })) })
    }
  })

  it('integers: division truncates towards zero', async () => {
    const one: NodeCase = {
      op: 'Div',
      inputs: [
        { dims: [4], data: [7, -7, 7, -7], type: 'int64' },
        { dims: [4], data: [2, 2, -2, -2], type: 'int64', constant: true },
      ],
    }
    expect(Array.from(evaluate(one)[0]!.data)).toEqual([3, -3, -3, 3])
    expect(await disagreement(one)).toBe(0)
    expect(OPERATORS.get('Div')!.lipschitz(siteOf(one)).kind).toBe('unbounded')
  })

  it('Neg, Sqrt', async () => {
    const x = floats([5], [0, 0.25, 1, 2, 2 ** -100])
    expect(await disagreement({ op: 'Neg', inputs: [x] })).toBe(0)
    expect(await disagreement({ op: 'Sqrt', inputs: [x] })).toBeLessThanOrEqual(1)
    await checkGradient({ op: 'Neg', inputs: [{ dims: [3] }] })
    await checkGradient({ op: 'Sqrt', inputs: [{ dims: [3], values: [0.3, 1, 2] }] })
  })

  it.each([0.5, 1, 2, 3, -1, 1.7])('Pow %f', async (p) => {
    const x = floats([4], [0.125, 0.75, 1.5, 3])
    const one: NodeCase = { op: 'Pow', inputs: [x, fixed([], [Math.fround(p)])] }
    expect(await disagreement(one)).toBeLessThanOrEqual(1)
    await checkGradient({
      op: 'Pow',
      inputs: [
        { dims: [4], values: x.data },
        { dims: [], values: [p], constant: true },
      ],
      tolerance: 1e-5,
    })
  })

  it('Pow by its exponent, and with whole numbers', async () => {
    await checkGradient({
      op: 'Pow',
      inputs: [
        { dims: [2, 2], values: [0.5, 1, 2, 3] },
        { dims: [2], values: [1.5, -0.5] },
      ],
      tolerance: 1e-5,
    })
    expect(await disagreement({ op: 'Pow', inputs: [floats([3], [1, -2, 3]), integers(3)] })).toBeLessThanOrEqual(1)
  })
})

describe('products', () => {
  const gemms = [
    { transA: 0, transB: 0 },
    { transA: 0, transB: 1, alpha: { float: 0.5 } },
    { transA: 1, transB: 0, beta: { float: -2 } },
    { transA: 1, transB: 1, alpha: { float: -1.25 }, beta: { float: 0.75 } },
  ]
  it.each(gemms)('Gemm %o', async (attributes) => {
    const a = attributes.transA ? [4, 3] : [3, 4]
    const b = attributes.transB ? [5, 4] : [4, 5]
    for (const c of [undefined, [], [5], [3, 1], [3, 5]]) {
      const inputs = [random(a, 1), random(b, 2), ...(c ? [random(c, 3)] : [])]
      expect(await disagreement({ op: 'Gemm', attributes, inputs })).toBeLessThan(4)
      await checkGradient({ op: 'Gemm', attributes, inputs: inputs.map(({ dims }) => ({ dims })) })
      await checkGradient({
        op: 'Gemm',
        attributes,
        inputs: inputs.map(({ dims }, i) => (i === 0 ? { dims } : { dims, constant: true as const })),
      })
    }
  })

  const matmuls: readonly (readonly [readonly number[], readonly number[]])[] = [
    [
      [3, 4],
      [4, 5],
    ],
    [
      [2, 3, 4],
      [4, 5],
    ],
    [
      [2, 1, 3, 4],
      [5, 4, 2],
    ],
    [[4], [4, 3]],
    [[3, 4], [4]],
    [[4], [4]],
    [[4], [2, 4, 3]],
    [[2, 3, 4], [4]],
    [
      [3, 4],
      [2, 4, 5],
    ],
  ]
  it.each(matmuls)('MatMul [%j] [%j]', async (a, b) => {
    expect(await disagreement({ op: 'MatMul', inputs: [random(a, 1), random(b, 2)] })).toBeLessThan(4)
    await checkGradient({ op: 'MatMul', inputs: [{ dims: a }, { dims: b }] })
    await checkGradient({ op: 'MatMul', inputs: [{ dims: a }, { dims: b, constant: true }] })
    await checkGradient({ op: 'MatMul', inputs: [{ dims: a, constant: true }, { dims: b }] })
  })

  it.each([7, 9, 15])('BatchNormalization, opset %i', async (opset) => {
    const statistics = [
      fixed([3], [1, -2, 0.5]),
      fixed([3], [0.1, 0, 5]),
      fixed([3], [1, 2, 3]),
      fixed([3], [0.5, 1e-3, 4]),
    ]
    const one: NodeCase = { op: 'BatchNormalization', opset, inputs: [random([2, 3, 4], 1), ...statistics] }
    expect(await disagreement(one)).toBeLessThan(4)
    await checkGradient({
      op: 'BatchNormalization',
      opset,
      inputs: [
        { dims: [2, 3, 4] },
        ...statistics.map(({ dims, data }) => ({ dims, values: data, constant: true as const })),
      ],
    })
    const rule = OPERATORS.get('BatchNormalization')!.lipschitz(siteOf(one))
    if (rule.kind !== 'affine' || rule.structure.kind !== 'diagonal') throw new Error('not diagonal')
    expect(Math.max(...rule.structure.scale.data.map(Math.abs))).toBeCloseTo(slopeOf(one), 5)
    expect(OPERATORS.get('BatchNormalization')!.rounding(siteOf(one))).toMatchObject({
      kind: 'dot',
      offset: expect.closeTo(125.863, 3),
    })
  })

  it('BatchNormalization in training mode is refused', () => {
    const statistics = [0, 1, 2, 3].map(() => fixed([2], [1, 1]))
    const inputs = [random([2, 2], 1), ...statistics]
    const room = OPERATORS.get('BatchNormalization')!
    const trains = { op: 'BatchNormalization', inputs, attributes: { training_mode: 1 } }
    expect(room.lipschitz(siteOf(trains)).kind).toBe('unbounded')
    expect(() => evaluate(trains)).toThrow(/training mode/)
    expect(room.lipschitz(siteOf({ op: 'BatchNormalization', opset: 9, inputs, outputs: 5 })).kind).toBe('unbounded')
  })
})

describe('constants of elementwise operators', () => {
  /** The rule is above the true slope and attained: one per cent less would fail. */
  const attained = (one: NodeCase) => {
    const truth = slopeOf(one)
    const rule = constantOf(OPERATORS.get(one.op)!.lipschitz(siteOf(one)))
    expect(rule).toBeGreaterThanOrEqual(truth * (1 - 1e-6))
    expect(rule).toBeLessThanOrEqual(truth * (1 + 1e-5))
  }

  it('an operand that is repeated counts by the root of its copies', () => {
    for (const op of ['Add', 'Sub', 'Sum'])
      attained({ op, inputs: [random([2, 1], 1), { ...random([2, 3], 2), constant: true }] })
    for (const op of ['Add', 'Sub', 'Sum']) attained({ op, inputs: [random([2, 3], 1), fixed([1], [5])] })
    attained({ op: 'Mean', inputs: [random([1, 3], 1), { ...random([2, 3], 2), constant: true }, fixed([], [0])] })
    // The constants are so low that the maximum is the dynamic operand everywhere.
    attained({ op: 'Max', inputs: [random([3, 1], 1), fixed([1, 5], [-9, -9, -9, -9, -9])] })
    attained({ op: 'Min', inputs: [random([3, 1], 1), fixed([1, 5], [9, 9, 9, 9, 9])] })
    attained({ op: 'Mul', inputs: [random([2, 1], 1), { ...random([2, 4], 2), constant: true }] })
    attained({ op: 'Div', inputs: [random([1, 3], 1), fixed([2, 1], [0.5, 3])] })
  })

  it('exactly 1 where it is exactly 1', () => {
    for (const op of ['Add', 'Sub', 'Max', 'Min', 'Concat'])
      expect(
        constantOf(
          OPERATORS.get(op)!.lipschitz(
            siteOf({ op, attributes: { axis: 0 }, inputs: [random([3], 1), fixed([3], [1, 2, 3])] }),
          ),
        ),
      ).toBe(1)
  })

  it('several operands: triangle inequality for sums, quadrature for extrema and joins, both attained', () => {
    const combine = (one: NodeCase, bounds: number[]) => {
      const rule = OPERATORS.get(one.op)!.lipschitz(siteOf(one))
      if (rule.kind !== 'combine') throw new Error(rule.kind)
      return rule.combine(bounds)
    }
    const two = [random([4], 1), random([4], 2)]
    expect(combine({ op: 'Add', inputs: two }, [1, 2])).toBeCloseTo(3, 12)
    expect(combine({ op: 'Mean', inputs: two }, [1, 2])).toBeCloseTo(1.5, 12)
    expect(combine({ op: 'Max', inputs: two }, [3, 4])).toBeCloseTo(5, 12)
    expect(combine({ op: 'Concat', attributes: { axis: 0 }, inputs: two }, [3, 4])).toBeCloseTo(5, 12)
    expect(combine({ op: 'Add', inputs: [random([4, 1], 1), random([4, 9], 2)] }, [1, 2])).toBeCloseTo(5, 12)
    expect(combine({ op: 'Max', inputs: [random([4, 1], 1), random([4, 9], 2)] }, [1, 4])).toBeCloseTo(5, 12)
    for (const [op, bounds] of [
      ['Add', [0.1, 0.2]],
      ['Max', [0.1, 0.2]],
    ] as const) {
      const exact = op === 'Add' ? 0.1 + 0.2 : Math.hypot(0.1, 0.2)
      expect(combine({ op, inputs: two }, [...bounds])).toBeGreaterThanOrEqual(exact)
    }
  })

  it.each([
    ['Mul', { op: 'Mul', inputs: [random([2], 1), random([2], 2)] }],
    ['Div by a value', { op: 'Div', inputs: [fixed([2], [1, 1]), random([2], 2)] }],
    ['Div by zero', { op: 'Div', inputs: [random([2], 1), fixed([2], [1, 0])] }],
    ['Sqrt', { op: 'Sqrt', inputs: [random([2], 1)] }],
    ['Pow', { op: 'Pow', inputs: [random([2], 1), fixed([], [2])] }],
    ['MatMul', { op: 'MatMul', inputs: [random([2, 2], 1), random([2, 2], 2)] }],
    ['Gemm', { op: 'Gemm', inputs: [random([2, 2], 1), random([2, 2], 2)] }],
    ['Mul by infinity', { op: 'Mul', inputs: [random([2], 1), fixed([2], [1, Number.POSITIVE_INFINITY])] }],
  ] as const)('%s is unbounded alone', (_, one) => {
    expect(OPERATORS.get(one.op)!.lipschitz(siteOf(one)).kind).toBe('unbounded')
  })
})

describe('gradients at kinks', () => {
  const a = floats([6], [1, 2, 3, 0, -1, -0])
  const b = floats([6], [1, 1, 4, 0, -1, 0])

  it('Max and Min of the same operands are a permutation, ties included, in either order', async () => {
    const up = [1, 10, 100, 1000, 1e4, 1e5]
    const down = [2, 20, 200, 2000, 2e4, 2e5]
    const [maxA, maxB] = await backward({ op: 'Max', inputs: [a, b] }, [up])
    const same = await backward({ op: 'Min', inputs: [a, b] }, [down])
    // x0 and x1 change places: the names, by which ties are decided, do too.
    const total = maxA!.data.map((value, i) => value + same[0]!.data[i]!)
    const other = maxB!.data.map((value, i) => value + same[1]!.data[i]!)
    up.forEach((_, i) => {
      expect([total[i], other[i]].sort()).toEqual([up[i], down[i]].sort())
    })
  })

  it('three tied operands: one takes all', async () => {
    const inputs = [floats([2], [1, 5]), floats([2], [1, 5]), floats([2], [1, 2])]
    for (const op of ['Max', 'Min']) {
      const parts = await backward({ op, inputs }, [[3, 7]])
      const columns = [0, 1].map((i) => parts.map((part) => part!.data[i]).filter((value) => value !== 0))
      expect(columns).toEqual([[3], [7]])
    }
  })

  it('an all-zero window of an L2 pool has gradient 0, never NaN', async () => {
    const x = floats([1, 1, 2, 2], [0, 0, 0, 0])
    const pool: NodeCase = { op: 'LpPool', inputs: [x], attributes: { kernel_shape: [2, 2] } }
    expect(Array.from((await backward(pool, [[1e6]]))[0]!.data)).toEqual([0, 0, 0, 0])
    for (const one of [
      { op: 'Sqrt', inputs: [floats([1], [0])] },
      { op: 'Pow', inputs: [floats([1], [0]), fixed([], [0.5])] },
    ] as NodeCase[]) {
      const [slope] = await backward(one, [[1e6]], [true, false])
      expect(slope!.data[0]! * 0).toBe(0)
    }
  })
})
