import { describe, expect, it } from 'vitest'
import { evaluate } from '../../src/graph/evaluate.ts'
import { prepare } from '../../src/graph/prepare.ts'
import { provesRowIndependence } from '../../src/graph/rows.ts'
import { GraphBuilder } from '../../src/onnx/builder.ts'
import type { Model } from '../../src/onnx/ir.ts'
import { randomArray, stream } from './oracle.ts'

function model(body: (b: GraphBuilder, x: string) => string, dims: readonly (number | string)[] = ['N', 4]): Model {
  const b = new GraphBuilder()
  b.output(body(b, b.input('x', dims)))
  return b.build()
}

const verdict = (m: Model) => provesRowIndependence(prepare(m, { batch: 2 }))
const weights = (b: GraphBuilder, ...dims: number[]) =>
  b.initializer(`w${dims}`, dims, randomArray(dims, stream(1)).data)

describe('rows of the batch', () => {
  it.each<[string, Model]>([
    [
      'a dense network',
      model((b, x) => b.node('MatMul', [b.node('Relu', [b.node('MatMul', [x, weights(b, 4, 6)])]), weights(b, 6, 3)])),
    ],
    [
      'GroupSort as PyTorch writes it',
      model((b, x) => {
        const pairs = b.node('Reshape', [x, b.indices([0, 2, 2])])
        const ends = ['ReduceMin', 'ReduceMax'].map((op) => b.node(op, [pairs, b.indices([2])], { keepdims: 1 }))
        return b.node('Reshape', [b.node('Concat', ends, { axis: 2 }), b.indices([0, -1])])
      }),
    ],
    [
      'rows merged with channels and parted again',
      model((b, x) => {
        const flat = b.node('Reshape', [x, b.indices([-1, 2])])
        return b.node('Reshape', [b.node('MatMul', [flat, weights(b, 2, 2)]), b.indices([-1, 4])])
      }),
    ],
    [
      'the batch moved to another axis and back',
      model((b, x) => {
        const turned = b.node('Add', [b.node('Transpose', [x], { perm: [1, 0] }), weights(b, 4, 1)])
        return b.node('Transpose', [turned], { perm: [1, 0] })
      }),
    ],
    ['a constant output', model((b, x) => b.node('Add', [x, b.node('Sub', [b.constant([1]), b.constant([1])])]))],
    ['several reads of one row', model((b, x) => b.node('Concat', [x, b.node('Mul', [x, x])], { axis: 1 }))],
  ])('%s: independent', (_, m) => {
    expect(verdict(m)).toEqual({ independent: true })
  })

  it.each<[string, Model, RegExp | undefined]>([
    [
      'a mean over the batch',
      model((b, x) => b.node('Sub', [x, b.node('ReduceMean', [x, b.indices([0])], {}, { name: 'mean' })])),
      /mean/,
    ],
    ['softmax over the batch', model((b, x) => b.node('Softmax', [x], { axis: 0 }, { name: 'soft' })), /soft/],
    [
      'a product with the transposed batch',
      model((b, x) => b.node('Gemm', [b.node('Gemm', [x, x], { transB: 1 }, { name: 'gram' }), x])),
      /gram/,
    ],
    [
      'a sum of every pair of rows',
      model((b, x) => b.node('Add', [x, b.node('Transpose', [x], { perm: [1, 0] })], {}, { name: 'pairs' }), ['N', 1]),
      /pairs/,
    ],
    [
      'rows merged before a product',
      model((b, x) =>
        b.node('MatMul', [b.node('Reshape', [x, b.indices([1, -1])]), weights(b, 8, 4)], {}, { name: 'late' }),
      ),
      /late/,
    ],
    ['rows swapped', model((b, x) => b.node('Gather', [x, b.indices([1, 0])], { axis: 0 })), undefined],
    [
      'the first row for all',
      model((b, x) => b.node('Expand', [b.node('Gather', [x, b.indices([0])], { axis: 0 }), b.indices([2, 4])])),
      undefined,
    ],
    [
      'rows and columns exchanged',
      model((b, x) => b.node('Reshape', [b.node('Transpose', [x], { perm: [1, 0] }), b.indices([2, 4])])),
      undefined,
    ],
    ['an output without a batch axis', model((b, x) => b.node('ReduceMax', [x], { keepdims: 0 })), /.*/],
  ])('%s: not proved', (_, m, where) => {
    const found = verdict(m)
    expect(found.independent).toBe(false)
    expect(found.reason).toBeTruthy()
    if (where) expect(found.node).toMatch(where)
  })

  it('a refused node is named', () => {
    const found = verdict(model((b, x) => b.node('Odd', [x], {}, { name: 'odd', domain: 'my' })))
    expect(found).toMatchObject({ independent: false, node: 'odd' })
  })

  it('what is proved is true: other rows never matter in random graphs', () => {
    const next = stream(11)
    const pick = (count: number) => Math.floor(((next() + 1) / 2) * count)
    let proved = 0
    for (let round = 0; round < 60; round++) {
      const m = model((b, x) => {
        const values = [x]
        for (let k = 0; k < 5; k++) {
          const [v, w] = [values[pick(values.length)]!, values[pick(values.length)]!]
          const moves = [
            () => b.node('Reshape', [b.node('Transpose', [v], { perm: [1, 0] }), b.indices([3, 4])]),
            () => b.node('Transpose', [b.node('Tanh', [b.node('Transpose', [v], { perm: [1, 0] })])], { perm: [1, 0] }),
            () => b.node('Add', [v, w]),
            () => b.node('Softmax', [v], { axis: pick(4) === 0 ? 0 : 1 }),
            () => b.node('Sub', [v, b.node('ReduceMean', [w, b.indices([pick(4) === 0 ? 0 : 1])], { keepdims: 1 })]),
            () => b.node('MatMul', [v, b.constant(randomArray([4, 4], next).data, [4, 4])]),
            () =>
              b.node('Slice', [
                b.node('Concat', [v, w], { axis: 0 }),
                b.indices([pick(2) * 3]),
                b.indices([99]),
                b.indices([0]),
              ]),
            () =>
              b.node('Slice', [
                b.node('Concat', [v, w], { axis: 1 }),
                b.indices([pick(4)]),
                b.indices([4 + pick(1)]),
                b.indices([1]),
              ]),
          ]
          const made = moves[pick(moves.length - 2)]!()
          values.push(made)
        }
        return values.at(-1)!
      })
      const program = prepare(m, { batch: 3 })
      expect(program.refused).toEqual([])
      if (!provesRowIndependence(program).independent) continue
      proved++
      const x = randomArray([3, 4], next)
      const output = program.outputs[0]!.name
      const before = evaluate(program, new Map([['x', x]])).get(output)!.data
      for (let row = 0; row < 3; row++) {
        const moved = { ...x, data: x.data.map((v, i) => (Math.floor(i / 4) === row ? v + 0.5 : v)) }
        const after = evaluate(program, new Map([['x', moved]])).get(output)!.data
        after.forEach((v, i) => {
          if (Math.floor(i / (after.length / 3)) !== row) expect(v).toBe(before[i])
        })
      }
    }
    expect(proved).toBeGreaterThan(10)
    expect(proved).toBeLessThan(55)
  })
})
