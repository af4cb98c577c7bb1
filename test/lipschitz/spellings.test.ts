import { describe, expect, it } from 'vitest'
import { createConstants } from '../../src/lipschitz/constants.ts'
import { openNetwork } from '../../src/lipschitz/network.ts'
import type { GraphBuilder } from '../../src/onnx/builder.ts'
import { type Body, programOf } from './networks.ts'

/** Constant of the whole network, and of its nodes multiplied. */
async function constantOf(input: readonly number[], output: readonly number[], body: Body): Promise<number> {
  const program = programOf(input, output, body)
  expect(program.refused).toEqual([])
  return createConstants(await openNetwork(program)).of(program.outputs[0]!.name)
}

const sub = (b: GraphBuilder, x: string, y: string): string => b.node('Sub', [x, y])
const add = (b: GraphBuilder, x: string, y: string): string => b.node('Add', [x, y])
const halves = (b: GraphBuilder, x: string): readonly [string, string] => {
  const [p, q] = b.nodes('Split', [x], 2, { axis: 1, num_outputs: 2 })
  return [p!, q!]
}
const everySecond = (b: GraphBuilder, x: string, start: number): string =>
  b.node('Slice', [x, b.indices([start]), b.indices([2 ** 31 - 1]), b.indices([1]), b.indices([2])])
const joined = (b: GraphBuilder, parts: readonly string[], axis = 1): string => b.node('Concat', parts, { axis })
const pairs = (b: GraphBuilder, x: string): string => b.node('Reshape', [x, b.indices([1, 4, 2, 3, 3])])
const single = (b: GraphBuilder, x: string): string => b.node('Reshape', [x, b.indices([1, 8, 3, 3])])

describe('sorting of pairs, in every spelling, is 1-Lipschitz', () => {
  const shape = [1, 8, 3, 3]
  const spellings: Record<string, Body> = {
    'Split, Max, Min, Concat': (b, x) => {
      const [p, q] = halves(b, x)
      return joined(b, [b.node('Max', [p, q]), b.node('Min', [p, q])])
    },
    'Slice by 2, Min, Max, Concat': (b, x) => {
      const [p, q] = [everySecond(b, x, 0), everySecond(b, x, 1)]
      return joined(b, [b.node('Min', [p, q]), b.node('Max', [q, p])])
    },
    'Reshape, ReduceMin, ReduceMax, Concat': (b, x) => {
      const y = pairs(b, x)
      const reduce = (op: string): string => b.node(op, [y, b.indices([2])], { keepdims: 1 })
      return single(b, joined(b, [reduce('ReduceMin'), reduce('ReduceMax')], 2))
    },
    'Reshape, TopK': (b, x) =>
      single(b, b.nodes('TopK', [pairs(b, x), b.indices([2])], 2, { axis: 2, largest: 1, sorted: 1 })[0]!),
    'channels last': (b, x) => {
      const y = b.node('Transpose', [x], { perm: [0, 2, 3, 1] })
      const [p, q] = b.nodes('Split', [y], 2, { axis: 3, num_outputs: 2 })
      const sorted = joined(b, [b.node('Max', [p!, q!]), b.node('Min', [p!, q!])], 3)
      return b.node('Transpose', [sorted], { perm: [0, 3, 1, 2] })
    },
    'b + relu(a - b), a - relu(a - b)': (b, x) => {
      const [p, q] = halves(b, x)
      const positive = b.node('Relu', [sub(b, p, q)])
      return joined(b, [add(b, q, positive), sub(b, p, positive)])
    },
    '(a + b +- |a - b|) / 2': (b, x) => {
      const [p, q] = halves(b, x)
      const [sum, gap] = [add(b, p, q), b.node('Abs', [sub(b, p, q)])]
      const half = (y: string): string => b.node('Mul', [y, b.constant([0.5])])
      return joined(b, [half(add(b, sum, gap)), half(sub(b, sum, gap))])
    },
    'max, a + b - max': (b, x) => {
      const [p, q] = halves(b, x)
      const high = b.node('Max', [p, q])
      return joined(b, [high, sub(b, add(b, p, q), high)])
    },
    '-max(-a, -b)': (b, x) => {
      const [p, q] = halves(b, x)
      const negative = b.node('Neg', [b.node('Max', [b.node('Neg', [p]), b.node('Neg', [q])])])
      return joined(b, [b.node('Max', [p, q]), negative])
    },
    'FullSort by TopK': (b, x) => {
      const y = b.node('Reshape', [x, b.indices([1, 72])])
      const [sorted] = b.nodes('TopK', [y, b.indices([72])], 2, { axis: 1, largest: 0 })
      return b.node('Reshape', [sorted!, b.indices(shape)])
    },
    'Relu, Abs, Clip, LeakyRelu, MaxPool after a sort': (b, x) => {
      const [p, q] = halves(b, x)
      const sorted = joined(b, [b.node('Max', [p, q]), b.node('Min', [p, q])])
      const clipped = b.node('Clip', [b.node('Relu', [sorted]), b.constant([-1]), b.constant([1])])
      return b.node('Abs', [b.node('LeakyRelu', [clipped], { alpha: { float: 0.1 } })])
    },
  }
  for (const [name, body] of Object.entries(spellings))
    it(name, async () => expect(await constantOf(shape, shape, body)).toBe(1))
})

describe('near misses are not', () => {
  const shape = [1, 8, 3, 3]
  const mutants: Record<string, Body> = {
    'max twice': (b, x) => {
      const [p, q] = halves(b, x)
      const high = b.node('Max', [p, q])
      return joined(b, [high, high])
    },
    'max beside its argument': (b, x) => {
      const [p, q] = halves(b, x)
      return joined(b, [b.node('Max', [p, q]), q])
    },
    'min of other halves': (b, x) => {
      const [p, q] = halves(b, x)
      const other = b.node('Concat', [...b.nodes('Split', [q], 2, { axis: 1, num_outputs: 2 })].reverse(), { axis: 1 })
      return joined(b, [b.node('Max', [p, q]), b.node('Min', [p, other])])
    },
    'groups that overlap': (b, x) => {
      const part = (from: number, to: number): string =>
        b.node('Slice', [x, b.indices([from]), b.indices([to]), b.indices([1])])
      const [p, q, r] = [part(0, 2), part(1, 3), part(2, 4)]
      return joined(b, [b.node('Max', [p, q]), b.node('Min', [p, q]), b.node('Max', [q, r]), b.node('Min', [q, r])])
    },
    'relu form with the wrong side': (b, x) => {
      const [p, q] = halves(b, x)
      const positive = b.node('Relu', [sub(b, p, q)])
      return joined(b, [add(b, p, positive), sub(b, p, positive)])
    },
    'abs form with a factor of 0.6': (b, x) => {
      const [p, q] = halves(b, x)
      const [sum, gap] = [add(b, p, q), b.node('Abs', [sub(b, p, q)])]
      const scaled = (y: string): string => b.node('Mul', [y, b.constant([Math.fround(0.6)])])
      return joined(b, [scaled(add(b, sum, gap)), scaled(sub(b, sum, gap))])
    },
    'half of each pair twice': (b, x) => joined(b, [everySecond(b, x, 0), everySecond(b, x, 0)]),
  }
  for (const [name, body] of Object.entries(mutants))
    it(name, async () => expect(await constantOf(shape, shape, body).catch(() => 0)).toBeGreaterThan(1.15))
})

describe('L2 pooling', () => {
  const shape = [1, 4, 6, 6]
  const pooled = [1, 4, 3, 3]
  const average = (b: GraphBuilder, x: string): string =>
    b.node('AveragePool', [x], { kernel_shape: [2, 2], strides: [2, 2] })
  const spellings = (factor: number): Record<string, Body> => ({
    'Pow, AveragePool, Sign * Relu(Abs), Mul, Pow': (b, x) => {
      const mean = average(b, b.node('Pow', [x, b.constant([2])]))
      const safe = b.node('Mul', [b.node('Sign', [mean]), b.node('Relu', [b.node('Abs', [mean])])])
      return b.node('Pow', [b.node('Mul', [safe, b.constant([factor])]), b.constant([0.5])])
    },
    'Mul, AveragePool, Mul, Sqrt': (b, x) =>
      b.node('Sqrt', [b.node('Mul', [average(b, b.node('Mul', [x, x])), b.constant([factor])])]),
    'Mul, AveragePool, Sqrt, Mul': (b, x) =>
      b.node('Mul', [b.node('Sqrt', [average(b, b.node('Mul', [x, x]))]), b.constant([Math.sqrt(factor)])]),
    'with an epsilon': (b, x) => {
      const mean = b.node('Mul', [average(b, b.node('Mul', [x, x])), b.constant([factor])])
      return b.node('Sqrt', [b.node('Add', [mean, b.constant([1e-6])])])
    },
    'with a floor': (b, x) => {
      const mean = b.node('Mul', [average(b, b.node('Mul', [x, x])), b.constant([factor])])
      return b.node('Sqrt', [b.node('Max', [mean, b.constant([1e-6])])])
    },
  })
  for (const [name, body] of Object.entries(spellings(4)))
    it(`${name}: exactly 1`, async () => expect(await constantOf(shape, pooled, body)).toBe(1))
  for (const [name, body] of Object.entries(spellings(4.84)))
    it(`${name}, a factor of 4.84: 1.1`, async () => {
      const found = await constantOf(shape, pooled, body)
      expect(found).toBeGreaterThanOrEqual(Math.sqrt(Math.fround(4.84) / 4) * (1 - 1e-7))
      expect(found).toBeLessThan(1.1001)
    })
  it('LpPool', async () => {
    const pool: Body = (b, x) => b.node('LpPool', [x], { kernel_shape: [2, 2], strides: [2, 2], p: 2 })
    expect(await constantOf(shape, pooled, pool)).toBe(1)
    const overlapping: Body = (b, x) => b.node('LpPool', [x], { kernel_shape: [2, 2], p: 2 })
    expect(await constantOf(shape, [1, 4, 5, 5], overlapping)).toBe(2)
  })
  it('after GroupSort, stage by stage', async () => {
    const both: Body = (b, x) => {
      const [p, q] = halves(b, x)
      const sorted = joined(b, [b.node('Max', [p, q]), b.node('Min', [p, q])])
      return b.node('Sqrt', [b.node('Mul', [average(b, b.node('Mul', [sorted, sorted])), b.constant([4])])])
    }
    expect(await constantOf(shape, pooled, both)).toBe(1)
  })
  it('an unfused square has no constant', async () => {
    expect(await constantOf(shape, shape, (b, x) => b.node('Mul', [x, x]))).toBe(Number.POSITIVE_INFINITY)
    expect(await constantOf(shape, pooled, (b, x) => average(b, b.node('Mul', [x, x])))).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('branches', () => {
  const shape = [1, 8]
  it('a convex combination with a sort', async () => {
    const body: Body = (b, x) => {
      const [p, q] = halves(b, x)
      const sorted = joined(b, [b.node('Max', [p, q]), b.node('Min', [p, q])])
      return add(b, b.node('Mul', [x, b.constant([0.25])]), b.node('Mul', [sorted, b.constant([0.75])]))
    }
    // One region: |0.25 dx + 0.75 dy| with dy bounded element group by element group.
    expect(await constantOf(shape, shape, body)).toBeLessThan(1 + 1e-12)
  })
  it('x + x is 2, x - x is 0', async () => {
    expect(await constantOf(shape, shape, (b, x) => add(b, x, x))).toBe(2)
    expect(await constantOf(shape, shape, (b, x) => sub(b, x, x))).toBe(0)
  })
  it('overlapping MaxPool 3x3 of stride 1: 3', async () => {
    const pool: Body = (b, x) => b.node('MaxPool', [x], { kernel_shape: [3, 3] })
    expect(await constantOf([1, 1, 9, 9], [1, 1, 7, 7], pool)).toBe(3)
  })
})
