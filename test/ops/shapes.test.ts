import { describe, expect, it } from 'vitest'
import { elementCode } from '../../src/onnx/element-types.ts'
import type { Attribute, ElementType } from '../../src/onnx/ir.ts'
import { storeTensor } from '../../src/onnx/tensor.ts'
import { OPERATORS } from '../../src/ops/index.ts'
import { disagreement, evaluate, type Given, integers, type NodeCase, random, siteOf } from './one-node.ts'

const x = random([2, 3, 4], 1)
const typed = (type: ElementType, ...data: number[]): Given => ({ dims: [data.length], data, type })
const constant = (given: Given): Given => ({ ...given, constant: true })
const tensor = (type: ElementType, dims: readonly number[], ...data: number[]): Attribute => ({
  kind: 'tensor',
  value: storeTensor('', type, dims, data),
})
const cast = (to: ElementType, given: Given): NodeCase => ({
  op: 'Cast',
  attributes: { to: elementCode(to) },
  inputs: [given],
})

describe('shapes and constants are those of onnxruntime', () => {
  const cases: readonly (readonly [string, NodeCase])[] = [
    ['Shape', { op: 'Shape', inputs: [x] }],
    ['Shape from, to', { op: 'Shape', inputs: [x], attributes: { start: -2, end: -1 } }],
    ['Size', { op: 'Size', inputs: [x] }],
    ['Cast to double', cast('float64', x)],
    ['Cast to whole numbers', cast('int32', typed('float32', 1.9, -1.9, 0, 7))],
    ['Cast to truth values', cast('bool', typed('float32', 1.9, -1.9, 0, 7))],
    ['Cast from whole numbers', cast('float32', typed('int64', 3, -4, 2 ** 24))],
    ['Cast to few bits', cast('uint8', typed('int64', 255, 256, 257))],
    ['CastLike', { op: 'CastLike', inputs: [typed('int64', 1, 2), random([1], 1)] }],
    ['ConstantOfShape', { op: 'ConstantOfShape', inputs: [integers(2, 0, 3)] }],
    [
      'ConstantOfShape of whole numbers',
      { op: 'ConstantOfShape', inputs: [integers(2)], attributes: { value: tensor('int64', [1], 7) } },
    ],
    ['Constant', { op: 'Constant', inputs: [], attributes: { value: tensor('float32', [2, 1], 1.5, 2) } }],
    ['Constant of floats', { op: 'Constant', inputs: [], attributes: { value_floats: { floats: [1, 0.5] } } }],
    ['Constant of a float', { op: 'Constant', inputs: [], attributes: { value_float: { float: 0.1 } } }],
    ['Constant of integers', { op: 'Constant', inputs: [], attributes: { value_ints: [4, 5] } }],
    [
      'Range',
      {
        op: 'Range',
        inputs: [10, 3, -2].map((v) => ({ dims: [], data: [v], type: 'int64', constant: true }) as const),
      },
    ],
    ['Range of floats', { op: 'Range', inputs: [0, 1, 0.25].map((v) => ({ dims: [], data: [v], constant: true })) }],
  ]
  it.each(cases)('%s', async (_, one) => {
    const room = OPERATORS.get(one.op)!
    const given = one.inputs.length > 0 ? one : { ...one, inputs: [] }
    if (given.inputs.length > 0) return expect(await disagreement(given)).toBe(0)
    expect(room.evaluate(siteOf(one), [])[0]!.data.length).toBeGreaterThan(0)
  })

  it('values of constants', () => {
    const data = (attributes: NodeCase['attributes']) =>
      Array.from(evaluate({ op: 'Constant', inputs: [], ...(attributes ? { attributes } : {}) })[0]!.data)
    expect(data({ value: tensor('float32', [2, 1], 1.5, 2) })).toEqual([1.5, 2])
    expect(data({ value_float: { float: 0.1 } })).toEqual([Math.fround(0.1)])
    expect(data({ value_ints: [4, 5] })).toEqual([4, 5])
    expect(() => data({ value_string: 'text' })).toThrow(/value_string/)
  })
})

describe('rules', () => {
  const rule = (one: NodeCase) => OPERATORS.get(one.op)!.lipschitz(siteOf(one)).kind

  it('Cast between floats moves, to whole numbers jumps', () => {
    expect(rule(cast('float64', x))).toBe('move')
    expect(rule(cast('int64', x))).toBe('unbounded')
    expect(rule(cast('bool', x))).toBe('unbounded')
    expect(rule(cast('float32', typed('uint8', 1)))).toBe('move')
    expect(rule(cast('int64', typed('uint8', 1)))).toBe('move')
    expect(rule(cast('int8', typed('int32', 1)))).toBe('unbounded')
  })

  it('Cast rounds where the type is narrower', () => {
    const rounding = (one: NodeCase) => OPERATORS.get('Cast')!.rounding(siteOf(one))
    expect(rounding(cast('float64', x))).toEqual({ kind: 'exact' })
    expect(rounding(cast('float32', typed('float64', 1)))).toMatchObject({ kind: 'relative' })
    expect(rounding(cast('float16', x)).kind).toBe('unknown')
  })

  it('Shape and Size depend on nothing but shapes', () => {
    for (const op of ['Shape', 'Size']) {
      expect(OPERATORS.get(op)!.shapeOnly).toBe(true)
      const empty = { type: 'float32' as const, dims: [2, 3, 4], data: new Float64Array() }
      const site = siteOf({ op, inputs: [constant(x)] })
      expect(Array.from(OPERATORS.get(op)!.evaluate(site, [empty])[0]!.data)).toEqual(op === 'Size' ? [24] : [2, 3, 4])
    }
  })
})

describe('a node that contradicts itself is named', () => {
  it.each([
    [
      'Reshape',
      { op: 'Reshape', inputs: [x, integers(5, 5)] },
      /'node' \(Reshape\) cannot reshape \[2,3,4\] to \[5,5\]/,
    ],
    ['Transpose', { op: 'Transpose', inputs: [x], attributes: { perm: [0, 0, 1] } }, /perm \[0,0,1\]/],
    ['Concat', { op: 'Concat', inputs: [x, random([2, 3], 1)], attributes: { axis: 0 } }, /cannot join/],
    ['Concat axis', { op: 'Concat', inputs: [x], attributes: { axis: 3 } }, /axis 3 for a tensor of rank 3/],
    ['Split', { op: 'Split', inputs: [x, integers(1, 1)], outputs: 2, attributes: { axis: 1 } }, /splits 3 elements/],
    ['Slice', { op: 'Slice', inputs: [x, integers(0), integers(1), integers(0), integers(0)] }, /step of 0/],
    ['Add', { op: 'Add', inputs: [x, random([3], 1)] }, /cannot broadcast/],
    ['MatMul', { op: 'MatMul', inputs: [x, x] }, /cannot multiply/],
    ['Gemm', { op: 'Gemm', inputs: [random([2, 3], 1), random([2, 3], 1)] }, /cannot multiply/],
    ['Conv', { op: 'Conv', inputs: [random([1, 3, 4], 1), random([2, 2, 3], 1)] }, /weights \[2,2,3\]/],
    ['Gather', { op: 'Gather', inputs: [x, integers(2)] }, /position 2 of an axis of 2/],
    ['Squeeze', { op: 'Squeeze', inputs: [x, integers(0)] }, /cannot drop/],
    ['Expand', { op: 'Expand', inputs: [x, integers(3, 1, 1)] }, /cannot broadcast/],
    ['Reshape by a value', { op: 'Reshape', inputs: [x, { dims: [1], data: [-1], type: 'int64' }] }, /computed value/],
  ] as const)('%s', (_, one, message) => {
    expect(() => evaluate(one as NodeCase)).toThrow(message)
  })
})
