import { describe, expect, it } from 'vitest'
import { mergeSelections } from '../../src/attacks/merge-selections.ts'
import { differentiate } from '../../src/graph/differentiate.ts'
import { evaluate } from '../../src/graph/evaluate.ts'
import { prepare } from '../../src/graph/prepare.ts'
import { randomStream } from '../../src/linalg/random.ts'
import { GraphBuilder } from '../../src/onnx/builder.ts'
import type { Model } from '../../src/onnx/ir.ts'

/** The gradient of a network that sorts pairs, with respect to its input. */
function sortingGradient(): Model {
  const b = new GraphBuilder()
  const x = b.input('x', [2, 6])
  const [left, right] = b.nodes('Split', [x], 2, { axis: 1, num_outputs: 2 })
  const sorted = b.node('Concat', [b.node('Min', [left!, right!]), b.node('Max', [left!, right!])], { axis: 1 })
  b.node('Mul', [sorted, b.node('Sigmoid', [sorted])], {}, { outputs: ['z'] })
  b.output('z', [2, 6])
  return differentiate(prepare(b.build(), { batch: 2 }), { of: 'z', by: ['x'] })
}

const count = ({ graph }: Model, op: string) => graph.nodes.filter((node) => node.op === op).length

function gradientOf(model: Model, seed: number): Float64Array {
  const random = randomStream(seed)
  const tensor = () => ({
    type: 'float32' as const,
    dims: [2, 6],
    // Few values, so that pairs tie.
    data: Float64Array.from({ length: 12 }, () => random.integer(3) - 1),
  })
  const inputs = new Map(model.graph.inputs.map(({ name }) => [name, tensor()]))
  return evaluate(prepare(model, { batch: 2 }), inputs, ['gradient/x']).get('gradient/x')!.data
}

describe('selections that add up to one', () => {
  const plain = sortingGradient()
  const merged = mergeSelections(plain)

  it('become one: two instead of four, and no sum', () => {
    expect([count(plain, 'Where'), count(plain, 'Add')]).toEqual([4, 3])
    expect([count(merged, 'Where'), count(merged, 'Add'), count(merged, 'GreaterOrEqual')]).toEqual([2, 1, 1])
  })

  it('keep every value, ties included', () => {
    for (let seed = 0; seed < 30; seed++) {
      // -0 and 0 count as equal here.
      expect(gradientOf(merged, seed).map((v) => v + 0)).toEqual(gradientOf(plain, seed).map((v) => v + 0))
    }
  })

  it('stay apart where the conditions differ, or a branch is no zero', () => {
    for (const [value, other] of [
      [0, 'y'],
      [1, 'x'],
    ] as const) {
      const b = new GraphBuilder()
      const [x, y, s] = [b.input('x', [3]), b.input('y', [3]), b.constant([value])]
      const first = b.node('Where', [b.node('GreaterOrEqual', [x, y]), x, s])
      const second = b.node('Where', [b.node('GreaterOrEqual', [other, x]), s, y])
      b.node('Add', [first, second], {}, { outputs: ['z'] })
      b.output('z', [3])
      const model = b.build()
      expect(mergeSelections(model).graph.nodes).toEqual(model.graph.nodes)
    }
  })
})
