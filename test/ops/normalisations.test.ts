import { describe, expect, it } from 'vitest'
import {
  backward,
  constantOf,
  differences,
  disagreement,
  evaluate,
  execute,
  fixed,
  floats,
  integers,
  type NodeCase,
  random,
  roomFor,
  siteOf,
  slopeOf,
} from './one-node.ts'

const f = (value: number) => ({ float: value })
const moving = (one: NodeCase): NodeCase => ({
  ...one,
  inputs: one.inputs.map((given) => given && { ...given, constant: given.type === 'int64' }),
})

const CASES: Readonly<Record<string, NodeCase>> = {
  'LayerNormalization over the last axis': {
    op: 'LayerNormalization',
    inputs: [random([2, 3, 4], 1), fixed([4], [1, -2, 0.5, 1.5]), fixed([4], [0, 1, 2, 3])],
    attributes: { epsilon: f(0.01) },
  },
  'LayerNormalization over two axes, no bias': {
    op: 'LayerNormalization',
    inputs: [random([2, 3, 2], 1), fixed([3, 2], [1, -2, 0.5, 1.5, 1, 1])],
    attributes: { epsilon: f(0.25), axis: 1 },
  },
  InstanceNormalization: {
    op: 'InstanceNormalization',
    inputs: [random([2, 3, 2, 2], 1), fixed([3], [1, -2, 0.5]), fixed([3], [0, 1, 2])],
    attributes: { epsilon: f(0.01) },
  },
  'GroupNormalization with a scale a group': {
    op: 'GroupNormalization',
    inputs: [random([2, 4, 3], 1), fixed([2], [1, -2]), fixed([2], [0, 1])],
    attributes: { epsilon: f(0.01), num_groups: 2 },
  },
  'GroupNormalization with a scale a channel': {
    op: 'GroupNormalization',
    opset: 21,
    inputs: [random([2, 4, 3], 1), fixed([4], [1, -2, 1, 1.5]), fixed([4], [0, 1, 2, 3])],
    attributes: { epsilon: f(0.01), num_groups: 2 },
  },
  RMSNormalization: {
    op: 'RMSNormalization',
    opset: 23,
    inputs: [random([2, 3, 4], 1), fixed([4], [1, -2, 0.5, 1.5])],
    attributes: { epsilon: f(0.01) },
  },
  LRN: {
    op: 'LRN',
    inputs: [random([2, 5, 2, 1], 1, 3)],
    attributes: { size: 3, alpha: f(2), beta: f(0.75), bias: f(0.5) },
  },
  'LpNormalization, p = 2': { op: 'LpNormalization', inputs: [random([2, 3, 4], 1)], attributes: { axis: 1 } },
  'LpNormalization, p = 1': { op: 'LpNormalization', inputs: [random([2, 3, 4], 1)], attributes: { p: 1 } },
  'Softmax over the last axis': { op: 'Softmax', inputs: [random([2, 3, 4], 1, 4)] },
  'Softmax over axis 1': { op: 'Softmax', inputs: [random([2, 3, 4], 1, 4)], attributes: { axis: 1 } },
  'Softmax before opset 13': { op: 'Softmax', opset: 12, inputs: [random([2, 3, 4], 1, 4)], attributes: { axis: 1 } },
  'LogSoftmax over axis 0': { op: 'LogSoftmax', inputs: [random([3, 4], 1, 4)], attributes: { axis: 0 } },
  'LogSoftmax before opset 13': { op: 'LogSoftmax', opset: 11, inputs: [random([2, 3, 2], 1, 4)] },
  CumSum: { op: 'CumSum', inputs: [random([2, 5], 1), { ...integers(1), dims: [] }] },
  'CumSum, exclusive': {
    op: 'CumSum',
    inputs: [random([2, 5, 2], 1), { ...integers(1), dims: [] }],
    attributes: { exclusive: 1 },
  },
  'CumSum, reversed': {
    op: 'CumSum',
    inputs: [random([3, 5], 1), { ...integers(-2), dims: [] }],
    attributes: { reverse: 1, exclusive: 1 },
  },
  Trilu: { op: 'Trilu', inputs: [random([2, 3, 4], 1)] },
  'Trilu, lower, k = -1': {
    op: 'Trilu',
    inputs: [random([2, 4, 3], 1), { ...integers(-1), dims: [] }],
    attributes: { upper: 0 },
  },
}

describe.each(Object.entries(CASES))('%s', (_, one) => {
  it('agrees with onnxruntime within its rounding rule', async () => {
    expect(await disagreement(one)).toBeLessThanOrEqual(1)
  })

  it('has the gradient that differences show, by scale and bias too', async () => {
    const all = moving(one)
    const cotangent = Array.from(evaluate(all)[0]!.data, (_, i) => ((i * 5) % 7) - 3)
    const gradients = await backward(all, [cotangent])
    gradients.forEach((gradient, index) => {
      if (!gradient) return
      const expected = differences(all, [cotangent], index)
      expect(gradient.dims).toEqual(all.inputs[index]!.dims)
      gradient.data.forEach((value, i) => {
        expect(Math.abs(value - expected[i]!)).toBeLessThan(5e-5 * Math.max(1, Math.abs(expected[i]!)))
      })
    })
    expect(gradients.length).toBeGreaterThan(0)
  })
})

/** The same node with another first input. */
const at = (one: NodeCase, data: readonly number[]): NodeCase => ({
  ...one,
  inputs: [{ ...one.inputs[0]!, data }, ...one.inputs.slice(1)],
})

describe('bounds', () => {
  it.each(Object.keys(CASES).filter((name) => /Layer|Instance|Group|RMS|LRN/.test(name)))(
    '%s: no slope exceeds the constant',
    (name) => {
      // With scales of one size the mean's projection costs nothing, and the constant is reached.
      const [x, ...parameters] = CASES[name]!.inputs
      const level = parameters.map((given) => given && { ...given, data: given.data.map((_, i) => (i % 2 ? -2 : 2)) })
      const one = { ...CASES[name]!, inputs: [x, ...level] }
      const constant = constantOf(roomFor(one.op).lipschitz(siteOf(one)))
      const count = one.inputs[0]!.data.length
      let best = slopeOf(at(one, Array(count).fill(0)))
      for (let seed = 0; seed < 12; seed++) {
        best = Math.max(best, slopeOf(at(one, random([count], seed, 10 ** ((seed % 4) - 2)).data)))
      }
      expect(best).toBeLessThanOrEqual(constant * (1 + 1e-6))
      // The normalisations reach it at 0; LRN's two parts peak at different inputs.
      expect(best).toBeGreaterThan(constant * (one.op === 'LRN' ? 0.3 : 1 - 1e-3))
    },
  )

  it('Softmax: 1/2, reached where two classes share all the weight', () => {
    const rule = roomFor('Softmax').lipschitz(siteOf({ op: 'Softmax', inputs: [random([1, 4], 1)] }))
    expect(rule).toMatchObject({ kind: 'monotone-head', axis: 1, value: 0.5 })
    const attained = slopeOf({ op: 'Softmax', inputs: [floats([1, 4], [20, 20, 0, 0])] })
    expect(attained).toBeGreaterThan(0.5 * (1 - 1e-3))
    for (let seed = 0; seed < 40; seed++) {
      expect(slopeOf({ op: 'Softmax', inputs: [random([1, 4], seed, 4)] })).toBeLessThanOrEqual(0.5 + 1e-8)
    }
  })

  it('LogSoftmax: sqrt(K), reached where one class has all the weight', () => {
    const rule = roomFor('LogSoftmax').lipschitz(siteOf({ op: 'LogSoftmax', inputs: [random([1, 5], 1)] }))
    expect(constantOf(rule)).toBeCloseTo(Math.sqrt(5), 14)
    const attained = slopeOf({ op: 'LogSoftmax', inputs: [floats([1, 5], [40, 0, 0, 0, 0])] })
    expect(attained).toBeGreaterThan(Math.sqrt(5) * (1 - 1e-3))
    for (let seed = 0; seed < 40; seed++) {
      expect(slopeOf({ op: 'LogSoftmax', inputs: [random([1, 5], seed, 4)] })).toBeLessThanOrEqual(Math.sqrt(5) + 1e-8)
    }
  })

  it('a group that spans the flattened tail before opset 13 is bounded as one', () => {
    const one: NodeCase = { op: 'LogSoftmax', opset: 12, inputs: [random([2, 3, 4], 1)] }
    expect(constantOf(roomFor('LogSoftmax').lipschitz(siteOf(one)))).toBeCloseTo(Math.sqrt(12), 14)
  })

  it('CumSum gives its matrix', () => {
    const rule = roomFor('CumSum').lipschitz(siteOf(CASES['CumSum, exclusive']!))
    expect(rule).toMatchObject({
      kind: 'affine',
      structure: { kind: 'matrix', matrix: { dims: [5, 5] } },
    })
    if (rule.kind !== 'affine' || rule.structure.kind !== 'matrix') return
    expect([...rule.structure.matrix.data.slice(0, 15)]).toEqual([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0])
  })

  it.each([
    ['a scale from the data', { ...moving(CASES.InstanceNormalization!) }],
    ['no epsilon', { ...CASES.InstanceNormalization!, attributes: { epsilon: f(0) } }],
    ['LpNormalization', CASES['LpNormalization, p = 2']!],
    ['a negative alpha', { ...CASES.LRN!, attributes: { size: 3, alpha: f(-1) } }],
  ])('%s has none', (_, one) => {
    expect(roomFor(one.op).lipschitz(siteOf(one)).kind).toBe('unbounded')
  })

  it('says which rows mix', () => {
    const rows = (one: NodeCase) => roomFor(one.op).rows(siteOf(one))
    expect(rows(CASES['LogSoftmax over axis 0']!)).toBe('mixed')
    expect(rows({ op: 'Softmax', opset: 12, inputs: [random([2, 3], 1)], attributes: { axis: 0 } })).toBe('mixed')
    expect(rows(CASES['Softmax over axis 1']!)).toBe('rows')
    expect(rows({ op: 'Trilu', inputs: [random([3, 3], 1)] })).toBe('mixed')
  })
})

describe('LRN', () => {
  it('has one channel more behind than before in an even window', () => {
    const attributes = { size: 2, alpha: f(2), beta: f(1), bias: f(1) }
    const [y] = evaluate({ op: 'LRN', inputs: [floats([1, 3, 1], [1, 2, 3])], attributes })
    expect([...y!.data]).toEqual([1 / (1 + 5), 2 / (1 + 13), 3 / (1 + 9)])
  })
})

describe('statistics of LayerNormalization', () => {
  it('are what onnxruntime returns', async () => {
    const one = { ...CASES['LayerNormalization over two axes, no bias']!, outputs: 3 }
    const [exact, executed] = [evaluate(one), await execute(one)]
    exact.forEach((value, i) => {
      expect(executed[i]!.dims).toEqual(value.dims)
      value.data.forEach((number, k) => {
        expect(executed[i]!.data[k]).toBeCloseTo(number, 5)
      })
    })
  })
})
