import { describe, expect, it } from 'vitest'
import {
  backward,
  constantOf,
  differences,
  disagreement,
  evaluate,
  floats,
  integers,
  type NodeCase,
  random,
  randomFloats,
  roomFor,
  siteOf,
  slopeOf,
} from './one-node.ts'

const REDUCTIONS = [
  'ReduceMax',
  'ReduceMin',
  'ReduceSum',
  'ReduceMean',
  'ReduceL1',
  'ReduceL2',
  'ReduceSumSquare',
  'ReduceLogSumExp',
  'ReduceProd',
]

/** The same reduction as the file would write it before (attribute) and since (input) the change of form. */
function forms(op: string, dims: readonly number[], axes: readonly number[] | undefined, keepdims: number): NodeCase[] {
  const x = random(dims, 3, 2)
  const since = op === 'ReduceSum' ? 13 : 18
  return [
    { op, opset: since - 1, attributes: { keepdims, ...(axes && { axes }) }, inputs: [x] },
    { op, opset: 7, attributes: { keepdims, ...(axes && { axes }) }, inputs: [x] },
    { op, opset: since, attributes: { keepdims }, inputs: axes ? [x, integers(...axes)] : [x] },
    { op, opset: 22, attributes: { keepdims }, inputs: axes ? [x, integers(...axes)] : [x] },
  ]
}

describe.each(REDUCTIONS)('%s', (op) => {
  it('agrees with onnxruntime within its rounding rule, in every form of the axes', async () => {
    for (const [dims, axes] of [
      [[2, 3, 4], [1]],
      [
        [2, 3, 4],
        [-1, 0],
      ],
      [[2, 3, 4], undefined],
      [[5, 2], [1]],
    ] as const) {
      for (const keepdims of [0, 1]) {
        // onnxruntime has no kernels for negative axes before opset 11.
        for (const one of forms(op, dims, axes, keepdims)) {
          if (one.opset! < 11 && axes?.some((axis) => axis < 0)) continue
          expect(await disagreement(one), `${op} opset ${one.opset} axes ${axes}`).toBeLessThanOrEqual(1)
        }
      }
    }
  })

  it('leaves the input alone when noop_with_empty_axes says so', async () => {
    const one = { op, opset: 18, attributes: { noop_with_empty_axes: 1, keepdims: 0 }, inputs: [random([2, 3], 5)] }
    expect(await disagreement(one)).toBeLessThanOrEqual(1)
  })

  it('has the gradient that differences show', async () => {
    if (op === 'ReduceProd') return
    for (const axes of [[1], [0, 2], [2]]) {
      for (const keepdims of [0, 1]) {
        const one = { op, attributes: { keepdims }, inputs: [random([2, 3, 2], 7, 2), integers(...axes)] }
        const next = randomFloats(1)
        const cotangent = Array.from(evaluate(one)[0]!.data, () => next())
        const [gradient] = await backward(one, [cotangent])
        const expected = differences(one, [cotangent], 0)
        expect(gradient!.dims).toEqual([2, 3, 2])
        gradient!.data.forEach((value, i) => {
          expect(value).toBeCloseTo(expected[i]!, 4)
        })
      }
    }
  })
})

describe('bounds', () => {
  // An input at which each constant is reached: equal entries for sums and averages, a peaked softmax for LogSumExp.
  const reached: Record<string, readonly number[]> = {
    ReduceMax: [1, 2, 3, 4, 5, 6, 7],
    ReduceMin: [1, 2, 3, 4, 5, 6, 7],
    ReduceSum: [0, 0, 0, 0, 0, 0, 0],
    ReduceMean: [0, 0, 0, 0, 0, 0, 0],
    ReduceL1: [1, 2, -3, 4, 5, 6, 7],
    ReduceL2: [1, 2, -3, 4, 5, 6, 7],
    ReduceLogSumExp: [0, 0, 0, 20, 0, 0, 0],
  }

  it.each(Object.keys(reached))('%s: no slope exceeds the constant, and one reaches it', (op) => {
    const axes = integers(1)
    const rule = roomFor(op).lipschitz(siteOf({ op, inputs: [floats([2, 7], Array(14).fill(1)), axes] }))
    const constant = constantOf(rule)
    let best = 0
    for (let seed = 0; seed < 40; seed++) {
      best = Math.max(best, slopeOf({ op, inputs: [random([2, 7], seed, 10 ** ((seed % 4) - 1)), axes] }))
    }
    expect(best).toBeLessThanOrEqual(constant * (1 + 1e-6))
    const attained = slopeOf({ op, inputs: [floats([1, 7], reached[op]!), axes] })
    expect(attained).toBeLessThanOrEqual(constant * (1 + 1e-6))
    expect(attained).toBeGreaterThan(constant * (1 - 1e-3))
  })

  it('keeps exact constants exact', () => {
    const at = (op: string, count: number) =>
      constantOf(roomFor(op).lipschitz(siteOf({ op, inputs: [floats([1, count], Array(count).fill(0)), integers(1)] })))
    expect(at('ReduceSum', 4)).toBe(2)
    expect(at('ReduceMean', 16)).toBe(0.25)
    for (const count of [2, 3, 5, 6, 7, 49]) {
      expect(at('ReduceSum', count) ** 2).toBeGreaterThanOrEqual(count)
      expect(at('ReduceMean', count) ** 2 * count).toBeGreaterThanOrEqual(1)
      expect(at('ReduceMean', count)).toBeLessThan((1 / Math.sqrt(count)) * (1 + 1e-14))
    }
  })

  it.each(['ReduceSumSquare', 'ReduceProd', 'ReduceLogSum'])('%s alone has no bound', (op) => {
    const rule = roomFor(op).lipschitz(siteOf({ op, inputs: [random([2, 3], 1), integers(1)] }))
    expect(rule.kind).toBe('unbounded')
  })
})

describe('ties', () => {
  const cotangent = [3, 5]

  it.each([
    [
      [2, 2],
      [1, 1, 4, 4],
    ],
    [
      [2, 3],
      [1, 1, 1, 2, 0, 2],
    ],
    [
      [2, 2],
      [1, 2, 5, 4],
    ],
  ])('the gradients of ReduceMin and ReduceMax together are a permutation (%j %j)', async (dims, data) => {
    const at = async (op: string) =>
      (await backward({ op, attributes: { keepdims: 0 }, inputs: [floats(dims, data), integers(1)] }, [cotangent]))[0]!
    const [low, high] = [(await at('ReduceMin')).data, (await at('ReduceMax')).data]
    const width = dims[1]!
    cotangent.forEach((g, row) => {
      const line = (v: Float64Array) => Array.from(v.slice(row * width, (row + 1) * width))
      expect(line(low).filter((value) => value !== 0)).toEqual([g])
      expect(line(high).filter((value) => value !== 0)).toEqual([g])
      expect(line(low).indexOf(g)).not.toBe(line(high).indexOf(g))
    })
  })

  it('selects across several axes too', async () => {
    const one = { op: 'ReduceMax', inputs: [floats([2, 2, 2], [1, 9, 9, 1, 2, 2, 2, 2]), integers(1, 2)] }
    const [gradient] = await backward(one, [[3, 5]])
    expect([...gradient!.data]).toEqual([0, 0, 3, 0, 0, 0, 0, 5])
  })
})

describe('refusals', () => {
  it('names the node when the axes come from the data', () => {
    const one: NodeCase = {
      op: 'ReduceSum',
      inputs: [random([2, 3], 1), { dims: [1], data: [1], type: 'int64' }],
    }
    expect(() => siteOf(one)).toThrow(/'node' \(ReduceSum\) computes its axes/)
  })

  it('says that an axis does not fit', () => {
    expect(() => siteOf({ op: 'ReduceSum', inputs: [random([2, 3], 1), integers(2)] })).toThrow(/do not fit rank 2/)
    expect(() => siteOf({ op: 'ReduceSum', inputs: [random([2, 3], 1), integers(1, -1)] })).toThrow(/do not fit/)
  })

  it('reports rows as mixed when axis 0 is reduced', () => {
    const rows = (axes: number[]) => {
      const one = { op: 'ReduceMax', inputs: [random([2, 3], 1), integers(...axes)] }
      return roomFor('ReduceMax').rows(siteOf(one))
    }
    expect([rows([1]), rows([0]), rows([-2]), rows([])]).toEqual(['rows', 'mixed', 'mixed', 'mixed'])
  })
})
