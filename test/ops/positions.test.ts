import { describe, expect, it } from 'vitest'
import {
  backward,
  constantOf,
  differences,
  disagreement,
  evaluate,
  fixed,
  floats,
  type Given,
  type NodeCase,
  random,
  roomFor,
  siteOf,
  slopeOf,
} from './one-node.ts'

const whole = (dims: number[], data: number[], constant = true): Given => ({ dims, data, type: 'int64', constant })

const CASES: Readonly<Record<string, NodeCase>> = {
  'GatherND, slices': { op: 'GatherND', inputs: [random([2, 3, 4], 1), whole([3, 2], [0, 1, 1, -1, 0, 1])] },
  'GatherND, elements': {
    op: 'GatherND',
    opset: 11,
    inputs: [random([2, 3], 1), whole([2, 2, 2], [0, 1, 1, 2, 0, 0, 0, 0])],
  },
  'GatherND, batches': {
    op: 'GatherND',
    inputs: [random([2, 3, 4], 1), whole([2, 2, 1], [0, 2, 1, 1])],
    attributes: { batch_dims: 1 },
  },
  'GatherND, positions from the data': {
    op: 'GatherND',
    inputs: [random([2, 3, 4], 1), whole([2, 1], [1, 0], false)],
  },
  ScatterND: { op: 'ScatterND', inputs: [random([4, 3], 1), whole([2, 1], [2, -4]), random([2, 3], 2)] },
  'ScatterND, elements': { op: 'ScatterND', inputs: [random([4, 3], 1), whole([2, 2], [2, 1, 0, 0]), random([2], 2)] },
  'ScatterND, adding': {
    op: 'ScatterND',
    inputs: [random([4, 3], 1), whole([3, 1], [2, 0, 2]), random([3, 3], 2)],
    attributes: { reduction: 'add' },
  },
  'Einsum, matrix product': {
    op: 'Einsum',
    inputs: [random([2, 3], 1), fixed([3, 4], random([3, 4], 2).data)],
    attributes: { equation: 'ij,jk->ik' },
  },
  'Einsum, implicit output': {
    op: 'Einsum',
    inputs: [random([2, 3], 1), fixed([3, 2], random([3, 2], 2).data)],
    attributes: { equation: 'bj, ja' },
  },
  'Einsum, ellipsis': {
    op: 'Einsum',
    inputs: [random([2, 3, 4], 1), fixed([4, 2], random([4, 2], 2).data)],
    attributes: { equation: '...ij,jk->...ik' },
  },
  'Einsum, ellipsis in two operands, implicit output': {
    op: 'Einsum',
    inputs: [random([2, 3, 4], 1), fixed([3, 4], random([3, 4], 2).data)],
    attributes: { equation: 'b...a,...a' },
  },
  'Einsum, batches and three operands': {
    op: 'Einsum',
    inputs: [random([2, 3, 4], 1), fixed([2, 4, 2], random([2, 4, 2], 2).data), fixed([2], [1, -2])],
    attributes: { equation: 'bij,bjk,k->bki' },
  },
}

const moving = (one: NodeCase): NodeCase => ({
  ...one,
  inputs: one.inputs.map((given) => (given?.type === 'int64' ? given : { ...given!, constant: false })),
})

describe.each(Object.entries(CASES))('%s', (_, one) => {
  it('agrees with onnxruntime', async () => {
    expect(await disagreement(one)).toBeLessThanOrEqual(1)
  })

  it('has the gradients that differences show', async () => {
    const all = moving(one)
    const cotangent = Array.from(evaluate(all)[0]!.data, (_, i) => ((i * 5) % 7) - 3)
    const gradients = await backward(all, [cotangent])
    gradients.forEach((gradient, index) => {
      if (!gradient) return
      expect(gradient.dims).toEqual(all.inputs[index]!.dims)
      const expected = differences(all, [cotangent], index)
      gradient.data.forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i]!, 4)
      })
    })
    expect(gradients[0]).toBeDefined()
  })
})

describe('bounds', () => {
  const rule = (one: NodeCase) => roomFor(one.op).lipschitz(siteOf(one))

  it('positions from the data jump', () => {
    expect(rule(CASES['GatherND, positions from the data']!).kind).toBe('unbounded')
    const { inputs } = CASES.ScatterND!
    const loose = whole([2, 1], [2, 0], false)
    expect(rule({ op: 'ScatterND', inputs: [inputs[0], loose, inputs[2]] }).kind).toBe('unbounded')
    expect(rule({ op: 'ScatterND', inputs: [inputs[0], whole([2, 1], [2, 2]), inputs[2]] }).kind).toBe('unbounded')
  })

  it('fixed positions are moves, added ones count how many share a place', () => {
    expect(rule(CASES['GatherND, slices']!)).toEqual({ kind: 'move' })
    const replaced = rule(CASES.ScatterND!)
    const added = rule(CASES['ScatterND, adding']!)
    if (replaced.kind !== 'combine' || added.kind !== 'combine') throw new Error('combine is due')
    expect(replaced.combine([3, undefined, 4])).toBeCloseTo(5, 12)
    expect(added.combine([0, undefined, 1])).toBeCloseTo(Math.SQRT2, 12)
    expect(added.combine([0, undefined, 1]) ** 2).toBeGreaterThanOrEqual(2)
    expect(added.combine([1, undefined, 1])).toBeCloseTo(1 + Math.SQRT2, 12)
  })

  it.each([
    ['ij,jk->ik', [2, 3], [[3, 4]]],
    ['ij,jk->i', [2, 3], [[3, 4]]],
    ['ij,k->k', [2, 3], [[4]]],
    ['bij,bjk,k->bki', [2, 3, 4], [[2, 4, 2], [2]]],
    ['ij,jj->i', [2, 3], [[3, 3]]],
    ['ij->i', [2, 3], []],
    ['ij,kl->ij', [2, 3], [[2, 2]]],
    ['ij->ji', [2, 3], []],
  ] as const)('Einsum %s: no slope exceeds the constant', (equation, dims, constants) => {
    let closest = 0
    for (let seed = 0; seed < 10; seed++) {
      const operands = constants.map((shape, i) => ({ ...random(shape, 10 * seed + i), constant: true }))
      const one: NodeCase = { op: 'Einsum', inputs: [random(dims, seed), ...operands], attributes: { equation } }
      const constant = constantOf(rule(one))
      const slope = slopeOf(one, 0.5)
      expect(slope).toBeLessThanOrEqual(constant * (1 + 1e-9))
      closest = Math.max(closest, slope / constant)
    }
    expect(closest).toBeGreaterThan(0.3)
  })

  it('Einsum of one vector is attained', () => {
    const inputs = [random([3], 1), fixed([3], [1, 2, 3])]
    const one: NodeCase = { op: 'Einsum', inputs, attributes: { equation: 'i,i->' } }
    expect(slopeOf(one, 0.5) / constantOf(rule(one))).toBeGreaterThan(1 - 1e-9)
    expect(
      rule({
        op: 'Einsum',
        inputs: [floats([3], [1, 2, 3]), floats([3], [1, 2, 3])],
        attributes: { equation: 'i,i->' },
      }).kind,
    ).toBe('unbounded')
  })
})

describe('reductions of scattered updates', () => {
  const scatter = (op: string, reduction: string): NodeCase => {
    const indices = op === 'ScatterND' ? whole([3, 1], [2, 0, 2]) : whole([3, 4], [0, 2, 1, 1, 2, 2, 0, 1, 0, 0, 0, 0])
    return { op, inputs: [random([3, 4], 1), indices, random([3, 4], 2)], attributes: { reduction } }
  }

  it.each(['ScatterND', 'ScatterElements'])('%s agrees with onnxruntime', async (op) => {
    for (const reduction of ['add', 'mul', 'max', 'min']) {
      expect(await disagreement(scatter(op, reduction)), reduction).toBeLessThanOrEqual(1)
    }
  })

  it.each(['ScatterND', 'ScatterElements'])(
    '%s has a bound for the largest, none for the product, no gradient',
    async (op) => {
      const rule = (reduction: string) => roomFor(op).lipschitz(siteOf(scatter(op, reduction)))
      const largest = rule('max')
      if (largest.kind !== 'combine') throw new Error(largest.kind)
      expect(largest.combine([3, undefined, 4])).toBeCloseTo(5, 12)
      expect(rule('mul').kind).toBe('unbounded')
      await expect(backward(scatter(op, 'max'), [Array(12).fill(1)])).rejects.toThrow(/gradient is not known/)
      expect(() => siteOf(scatter('ScatterND', 'median'))).toThrow(/has reduction 'median'/)
    },
  )
})

describe('OneHot', () => {
  const one = (axis: number, opset = 13): NodeCase => ({
    op: 'OneHot',
    opset,
    inputs: [whole([2, 2], [0, 2, -1, 5], false), whole([], [3]), fixed([2], [-1, 4])],
    attributes: { axis },
  })

  it('agrees with onnxruntime on every axis', async () => {
    for (const axis of [-1, 0, 1, 2]) expect(await disagreement(one(axis))).toBe(0)
    expect(await disagreement(one(-1, 11))).toBe(0)
  })

  it('jumps', () => {
    expect(roomFor('OneHot').lipschitz(siteOf(one(-1))).kind).toBe('unbounded')
    expect(roomFor('OneHot').rows(siteOf(one(0)))).toBe('mixed')
  })
})
