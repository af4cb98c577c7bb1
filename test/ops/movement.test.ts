import { describe, expect, it } from 'vitest'
import type { NdArray } from '../../src/onnx/ir.ts'
import { OPERATORS } from '../../src/ops/index.ts'
import { disagreement, evaluate, fixed, integers, type NodeCase, random, siteOf } from './one-node.ts'
import { checkGradient } from './vjp-harness.ts'

const x = random([2, 3, 4], 1)
const image = random([1, 8, 4, 6], 2)
const indices = (dims: readonly number[], ...data: number[]) => ({ dims, data, type: 'int64', constant: true }) as const

const CASES: readonly (readonly [string, NodeCase])[] = [
  ['Reshape', { op: 'Reshape', inputs: [x, integers(0, -1, 2)] }],
  ['Reshape, allowzero', { op: 'Reshape', inputs: [x, integers(4, 6)], attributes: { allowzero: 1 } }],
  ['Reshape, opset 7', { op: 'Reshape', opset: 7, inputs: [x, integers(-1)] }],
  ['Flatten', { op: 'Flatten', inputs: [x] }],
  ['Flatten, axis 0', { op: 'Flatten', inputs: [x], attributes: { axis: 0 } }],
  ['Flatten, axis from the end', { op: 'Flatten', inputs: [x], attributes: { axis: -1 } }],
  ['Transpose, reversed', { op: 'Transpose', inputs: [x] }],
  ['Transpose', { op: 'Transpose', inputs: [x], attributes: { perm: [1, 2, 0] } }],
  ['Concat of one', { op: 'Concat', inputs: [x], attributes: { axis: -1 } }],
  ['Concat', { op: 'Concat', inputs: [x, random([2, 1, 4], 3), x], attributes: { axis: 1 } }],
  [
    'Concat with a constant',
    { op: 'Concat', inputs: [fixed([2, 3, 1], [1, 2, 3, 4, 5, 6]), x], attributes: { axis: 2 } },
  ],
  ['Split by attribute', { op: 'Split', opset: 11, inputs: [x], outputs: 2, attributes: { axis: 2, split: [1, 3] } }],
  ['Split equally, opset 11', { op: 'Split', opset: 11, inputs: [x], outputs: 2, attributes: { axis: -1 } }],
  ['Split by input', { op: 'Split', opset: 13, inputs: [x, integers(1, 2)], outputs: 2, attributes: { axis: 1 } }],
  ['Split unevenly', { op: 'Split', inputs: [random([7, 2], 4)], outputs: 3, attributes: { num_outputs: 3 } }],
  [
    'Slice by attributes',
    { op: 'Slice', opset: 9, inputs: [x], attributes: { starts: [1, -3], ends: [9, -1], axes: [1, 2] } },
  ],
  ['Slice', { op: 'Slice', inputs: [x, integers(0, 1), integers(2, 1000), integers(0, 2)] }],
  ['Slice with steps', { op: 'Slice', inputs: [x, integers(0, 3), integers(3, -10), integers(1, 2), integers(2, -2)] }],
  ['Slice to the end', { op: 'Slice', inputs: [x, integers(1), indices([1], 2 ** 62), integers(-1), integers(2)] }],
  ['Slice to nothing', { op: 'Slice', inputs: [x, integers(2), integers(1), integers(2)] }],
  [
    'Slice backwards in steps of 3',
    { op: 'Slice', inputs: [random([11], 5), integers(-2), integers(-12), integers(0), integers(-3)] },
  ],
  ['Identity', { op: 'Identity', inputs: [x] }],
  [
    'Pad by attributes',
    { op: 'Pad', opset: 10, inputs: [x], attributes: { pads: [0, 1, 2, 1, 0, 1], value: { float: 2.5 } } },
  ],
  ['Pad', { op: 'Pad', inputs: [x, integers(1, 0, 2, 0, 1, 3), fixed([], [-1.5])] }],
  ['Pad along named axes', { op: 'Pad', inputs: [x, integers(1, 2, 0, 1), undefined, integers(-1, 0)] }],
  ['Pad that crops', { op: 'Pad', inputs: [x, integers(0, -1, 2, 0, 1, -1)] }],
  ['Pad, reflect', { op: 'Pad', inputs: [x, integers(0, 1, 3, 1, 2, 2)], attributes: { mode: 'reflect' } }],
  ['Pad, edge', { op: 'Pad', inputs: [x, integers(2, 1, 5, 1, 0, 2)], attributes: { mode: 'edge' } }],
  ['Pad, wrap', { op: 'Pad', opset: 19, inputs: [x, integers(0, 2, 1, 0, 1, 3)], attributes: { mode: 'wrap' } }],
  ['Gather', { op: 'Gather', inputs: [x, indices([2, 2], 0, -1, 2, 0)], attributes: { axis: 1 } }],
  ['Gather a scalar', { op: 'Gather', inputs: [x, indices([], 1)] }],
  ['Gather many copies', { op: 'Gather', inputs: [random([3, 2], 6), integers(1, 1, 1, 0, 1, 1, 1)] }],
  ['GatherElements', { op: 'GatherElements', inputs: [random([3, 3], 6), indices([2, 3], 1, 2, 0, -1, 0, 0)] }],
  [
    'GatherElements, axis 1',
    { op: 'GatherElements', inputs: [random([2, 3], 6), indices([2, 2], 1, 1, 0, -1)], attributes: { axis: 1 } },
  ],
  ['Squeeze by attribute', { op: 'Squeeze', opset: 11, inputs: [random([1, 3, 1], 7)], attributes: { axes: [-1] } }],
  ['Squeeze', { op: 'Squeeze', inputs: [random([1, 3, 1], 7), integers(0)] }],
  ['Squeeze all', { op: 'Squeeze', inputs: [random([1, 3, 1], 7)] }],
  ['Unsqueeze by attribute', { op: 'Unsqueeze', opset: 11, inputs: [random([3], 7)], attributes: { axes: [0, 2] } }],
  ['Unsqueeze', { op: 'Unsqueeze', inputs: [random([3], 7), integers(-1, 0)] }],
  ['Expand', { op: 'Expand', inputs: [random([3, 1], 8), integers(2, 1, 4)] }],
  ['Tile', { op: 'Tile', inputs: [random([2, 3], 8), integers(2, 3)] }],
  ['DepthToSpace', { op: 'DepthToSpace', inputs: [image], attributes: { blocksize: 2 } }],
  ['DepthToSpace, CRD', { op: 'DepthToSpace', inputs: [image], attributes: { blocksize: 2, mode: 'CRD' } }],
  ['SpaceToDepth', { op: 'SpaceToDepth', inputs: [image], attributes: { blocksize: 2 } }],
  ['Dropout', { op: 'Dropout', inputs: [x] }],
  ['Dropout, opset 7', { op: 'Dropout', opset: 7, inputs: [x], attributes: { ratio: { float: 0.4 } } }],
  [
    'Where',
    {
      op: 'Where',
      inputs: [{ dims: [3, 1], data: [1, 0, 1], type: 'bool', constant: true }, x, random([2, 1, 4], 9)],
    },
  ],
  [
    'ScatterElements',
    { op: 'ScatterElements', inputs: [random([3, 3], 6), indices([2, 2], 1, 2, 0, 0), random([2, 2], 9)] },
  ],
  [
    'ScatterElements, adding',
    {
      op: 'ScatterElements',
      inputs: [random([1, 3], 6), indices([1, 4], 1, 2, 1, -1), random([1, 4], 9)],
      attributes: { axis: 1, reduction: 'add' },
    },
  ],
]

/** Operators that are linear in several inputs do not call themselves movement. */
const COMBINING = new Set(['Concat', 'ScatterElements'])

describe('data movement is that of onnxruntime', () => {
  it.each(CASES)('%s', async (name, one) => {
    expect(await disagreement(one)).toBeLessThanOrEqual(name.endsWith('adding') ? 1 : 0)
  })
})

describe('gradients of data movement', () => {
  it.each(CASES.filter(([, one]) => one.op !== 'Dropout'))('%s', async (_, one) => {
    const inputs = one.inputs.map((given) =>
      given
        ? {
            dims: given.dims,
            ...(given.constant ? { constant: true as const, values: given.data } : {}),
            ...(given.type ? { type: given.type, values: given.data } : {}),
          }
        : undefined,
    )
    const { op, opset = 18, attributes = {}, outputs = 1 } = one
    for (let of = 0; of < outputs; of++) await checkGradient({ op, opset, attributes, inputs, outputs, of })
  })
})

describe('movement commutes with relabelling', () => {
  const moves = CASES.filter(
    ([, one]) => !COMBINING.has(one.op) && one.inputs.filter((given) => given && !given.constant).length === 1,
  )

  it.each(moves)('%s', (_, one) => {
    const site = siteOf(one)
    const room = OPERATORS.get(one.op)!
    expect(room.lipschitz(site).kind).toBe('move')
    const label = (value: number) => 3 * value + 7
    const given = one.inputs.map(
      (input): NdArray | undefined =>
        input && { type: input.type ?? 'float32', dims: input.dims, data: Float64Array.from(input.data) },
    )
    const position = one.inputs.findIndex((input) => input && !input.constant)
    const relabelled = given.map((array, i) => (i === position ? { ...array!, data: array!.data.map(label) } : array))
    const before = evaluate(one)
    const after = room.evaluate(site, relabelled)
    // What is not a copy is the constant of Pad.
    const source = new Set(given[position]!.data)
    before.forEach((array, k) => {
      array.data.forEach((value, i) => {
        expect(after[k]!.data[i]).toBe(source.has(value) ? label(value) : value)
      })
    })
  })
})

describe('expressions', () => {
  it('a padded constant is a constant expression, never an element', () => {
    const one: NodeCase = { op: 'Pad', inputs: [random([2], 1), integers(1, 1), fixed([], [2])] }
    const constants: number[] = []
    const pool = { constant: (value: number) => -constants.push(value) * 1000 } as never
    const [result] = OPERATORS.get('Pad')!.symbolic!(siteOf(one), [{ dims: [2], ids: Float64Array.of(1, 2) }], pool)!
    expect(Array.from(result!.ids)).toEqual([-1000, 1, 2, -1000])
    expect(constants).toEqual([2])
  })

  it('constants beside a value are lifted by Concat and Where', () => {
    const pool = { constant: (value: number) => 1000 + value } as never
    const joined: NodeCase = { op: 'Concat', inputs: [fixed([1], [5]), random([2], 1)], attributes: { axis: 0 } }
    const ids = { dims: [2], ids: Float64Array.of(1, 2) }
    expect(Array.from(OPERATORS.get('Concat')!.symbolic!(siteOf(joined), [undefined, ids], pool)![0]!.ids)).toEqual([
      1005, 1, 2,
    ])
    const chosen: NodeCase = {
      op: 'Where',
      inputs: [{ dims: [2], data: [1, 0], type: 'bool', constant: true }, random([2], 1), fixed([], [3])],
    }
    const where = OPERATORS.get('Where')!.symbolic!(siteOf(chosen), [undefined, ids, undefined], pool)!
    expect(Array.from(where[0]!.ids)).toEqual([1, 1003])
  })
})

describe('what moves by positions that depend on the input is refused', () => {
  it.each([
    ['Gather', { op: 'Gather', inputs: [x, { dims: [1], data: [0], type: 'int64' }] }],
    [
      'GatherElements',
      { op: 'GatherElements', inputs: [random([2, 2], 1), { dims: [1, 2], data: [0, 1], type: 'int64' }] },
    ],
    ['Where', { op: 'Where', inputs: [{ dims: [4], data: [1, 0, 1, 0], type: 'bool' }, x, x] }],
    ['Pad', { op: 'Pad', inputs: [x, integers(1, 1, 1, 1, 1, 1), random([], 1)] }],
    [
      'Dropout in training mode',
      {
        op: 'Dropout',
        inputs: [x, fixed([], [0.5]), { dims: [], data: [1], type: 'bool', constant: true }],
      },
    ],
  ] as const)('%s', (_, one) => {
    expect(OPERATORS.get(one.op)!.lipschitz(siteOf(one as NodeCase)).kind).toBe('unbounded')
  })
})
