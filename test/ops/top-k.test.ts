import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  backward,
  constantOf,
  differences,
  disagreement,
  evaluate,
  fixed,
  floats,
  integers,
  type NodeCase,
  random,
  roomFor,
  siteOf,
} from './one-node.ts'

const topK = (attributes: NodeCase['attributes'], x: NodeCase['inputs'][0], k: number, opset = 18): NodeCase => ({
  op: 'TopK',
  opset,
  outputs: 2,
  attributes: { ...attributes, ...(opset < 10 && { k }) },
  inputs: opset < 10 ? [x] : [x, integers(k)],
})

describe('TopK', () => {
  it('agrees with onnxruntime, ties included', async () => {
    const tied = floats([2, 5], [1, 3, 3, 1, 3, 0, 0, 0, -1, 0])
    for (const largest of [0, 1]) {
      for (const k of [1, 3, 5]) {
        expect(await disagreement(topK({ largest, axis: -1 }, tied, k))).toBe(0)
        expect(await disagreement(topK({ largest, axis: 1 }, random([2, 5, 3], 4), k))).toBe(0)
      }
    }
    for (const opset of [9, 10, 11, 24])
      expect(await disagreement(topK({ axis: 0 }, random([4, 2], 5), 3, opset))).toBe(0)
  })

  it('never moves two points apart (rearrangement inequality)', () => {
    const pair = fc.integer({ min: 2, max: 7 }).chain((n) => {
      const line = fc.array(fc.integer({ min: -6, max: 6 }), { minLength: n, maxLength: n })
      return fc.tuple(line, line, fc.integer({ min: 1, max: n }))
    })
    fc.assert(
      fc.property(pair, ([a, b, k]) => {
        const values = (data: number[]) => evaluate(topK({}, floats([1, data.length], data), k))[0]!.data
        const [p, q] = [values(a), values(b)]
        const moved = p.reduce((sum, value, i) => sum + (value - q[i]!) ** 2, 0)
        expect(moved).toBeLessThanOrEqual(a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0))
      }),
      { seed: 1 },
    )
  })

  it('bounds its values and says that its positions have no bound', () => {
    const rule = roomFor('TopK').lipschitz(siteOf(topK({}, random([2, 5], 1), 5)))
    expect(rule).toMatchObject({ kind: 'constant', value: 1, outputs: [0] })
    expect(constantOf(rule)).toBe(1)
  })

  it('refuses several values in unspecified order', () => {
    const rule = (k: number) => roomFor('TopK').lipschitz(siteOf(topK({ sorted: 0 }, random([2, 5], 1), k))).kind
    expect([rule(3), rule(1)]).toEqual(['unbounded', 'constant'])
  })

  it('sends each gradient back to where its value came from', async () => {
    for (const largest of [0, 1]) {
      const one = topK({ largest, axis: 1 }, random([2, 5, 2], 8), 3)
      const cotangent = evaluate(one)[0]!.data.map((_, i) => i + 1)
      const [gradient] = await backward(one, [[...cotangent], undefined])
      const expected = differences(one, [[...cotangent]], 0)
      gradient!.data.forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i]!, 4)
      })
      expect([...gradient!.data].filter((value) => value !== 0)).toHaveLength(cotangent.length)
    }
  })

  it('keeps the norm of the gradient at ties', async () => {
    const one = topK({}, floats([1, 4], [2, 2, 2, 2]), 4)
    const [gradient] = await backward(one, [[1, 2, 3, 4]])
    expect([...gradient!.data].sort()).toEqual([1, 2, 3, 4])
  })

  it('becomes order statistics', () => {
    const one = topK({}, random([1, 4], 1), 2)
    const pool = { sort: (ids: readonly number[]) => ids.map((_, i) => 100 + i) }
    const arrays = roomFor('TopK').symbolic!(
      siteOf(one),
      [{ dims: [1, 4], ids: Float64Array.of(1, 2, 3, 4) }, undefined],
      pool as never,
    )
    expect(arrays).toEqual([
      { dims: [1, 2], ids: Float64Array.of(103, 102) },
      { dims: [1, 2], ids: Float64Array.of(-1, -1) },
    ])
  })

  it('refuses k from the data, and more than there is', () => {
    const k = { dims: [1], data: [1], type: 'int64' as const }
    expect(() => siteOf({ op: 'TopK', outputs: 2, inputs: [random([2, 3], 1), k] })).toThrow(/computes k from the data/)
    expect(() => siteOf(topK({}, random([2, 3], 1), 4))).toThrow(/asks for 4 of 3/)
  })
})

describe('Clip', () => {
  const x = floats([2, 3], [-2, -1, 0, 0.25, 1, 3])
  const dynamic = (low: number, high: number): NodeCase => ({
    op: 'Clip',
    inputs: [x, floats([], [low]), floats([], [high])],
  })

  it('agrees with onnxruntime in both forms', async () => {
    const inputs = [x, fixed([], [-1]), fixed([], [0.5])]
    expect(
      await disagreement({
        op: 'Clip',
        opset: 10,
        attributes: { min: { float: -1 }, max: { float: 0.5 } },
        inputs: [x],
      }),
    ).toBe(0)
    expect(await disagreement({ op: 'Clip', opset: 7, attributes: { max: { float: 0.5 } }, inputs: [x] })).toBe(0)
    for (const opset of [11, 12, 13, 22]) expect(await disagreement({ op: 'Clip', opset, inputs })).toBe(0)
    expect(await disagreement({ op: 'Clip', inputs: [x, undefined, fixed([], [0.5])] })).toBe(0)
    expect(await disagreement({ op: 'Clip', inputs: [x, fixed([], [-1])] })).toBe(0)
    expect(await disagreement({ op: 'Clip', inputs: [x] })).toBe(0)
    expect(await disagreement({ op: 'Clip', inputs: [x, fixed([], [2]), fixed([], [1])] })).toBe(0)
    expect(await disagreement(dynamic(-1, 0.5))).toBe(0)
  })

  it('has constant 1, and counts how many elements share a limit that moves', () => {
    const rule = (one: NodeCase) => roomFor('Clip').lipschitz(siteOf(one))
    expect(constantOf(rule({ op: 'Clip', inputs: [x, fixed([], [-1]), fixed([], [0.5])] }))).toBe(1)
    const moving = rule(dynamic(-1, 0.5))
    if (moving.kind !== 'combine') throw new Error(moving.kind)
    // All six elements follow the limit when it binds everywhere: sqrt(6).
    expect(moving.combine([0, 1, 0])).toBeCloseTo(Math.sqrt(6), 12)
    expect(moving.combine([0, 1, 0]) ** 2).toBeGreaterThanOrEqual(6)
    expect(moving.combine([3, 0, 4])).toBeCloseTo(Math.hypot(3, 4 * Math.sqrt(6)), 12)
    expect(rule({ op: 'Clip', inputs: [x, fixed([], [Number.NaN])] }).kind).toBe('unbounded')
  })

  it('has the gradient that differences show, to the limits too', async () => {
    for (const [low, high] of [
      [-1.5, 0.5],
      [2, 1],
    ] as const) {
      const one = dynamic(low, high)
      const cotangent = [1, 2, 3, 4, 5, 6]
      const gradients = await backward(one, [cotangent])
      gradients.forEach((gradient, index) => {
        const expected = differences(one, [cotangent], index)
        gradient!.data.forEach((value, i) => {
          expect(value).toBeCloseTo(expected[i]!, 4)
        })
      })
    }
    const attributes = { min: { float: -1.5 }, max: { float: 0.5 } }
    const [gradient] = await backward({ op: 'Clip', opset: 10, attributes, inputs: [x] }, [[1, 2, 3, 4, 5, 6]])
    expect([...gradient!.data]).toEqual([0, 2, 3, 4, 0, 0])
  })
})
