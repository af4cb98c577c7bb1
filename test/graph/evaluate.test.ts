import { describe, expect, it } from 'vitest'
import { evaluate } from '../../src/graph/evaluate.ts'
import { prepare } from '../../src/graph/prepare.ts'
import { GraphBuilder } from '../../src/onnx/builder.ts'
import { randomArray, runOnnx, stream } from './oracle.ts'

describe('evaluate', () => {
  it('agrees with onnxruntime on random graphs of elementwise nodes and movement', async () => {
    const next = stream(7)
    const pick = (count: number) => Math.floor(((next() + 1) / 2) * count)
    for (let round = 0; round < 12; round++) {
      const b = new GraphBuilder()
      const values = [b.input('x', ['N', 4])]
      const bias = b.initializer('bias', [4], randomArray([4], next).data)
      for (let k = 0; k < 12; k++) {
        const x = values[pick(values.length)]!
        const y = values[pick(values.length)]!
        const made = [
          () => b.node('Add', [x, y]),
          () => b.node('Mul', [x, bias]),
          () => b.node('Sub', [bias, x]),
          () => b.node('Relu', [x]),
          () => b.node('Max', [x, y]),
          () => b.node('Tanh', [x]),
          () =>
            b.node('Reshape', [
              b.node('Transpose', [b.node('Reshape', [x, b.indices([-1, 2, 2])])], { perm: [0, 2, 1] }),
              b.indices([0, 4]),
            ]),
          () => b.node('Where', [b.node('Greater', [x, y]), x, bias]),
        ]
        values.push(made[pick(made.length)]!())
      }
      b.output(values.at(-1)!, ['N', 4])
      const model = b.build()
      const x = randomArray([3, 4], next, 2)
      const ours = evaluate(prepare(model, { batch: 3 }), new Map([['x', x]])).get(values.at(-1)!)!
      const theirs = (await runOnnx(model, { x }))[values.at(-1)!]!
      expect(ours.dims).toEqual(theirs.dims)
      ours.data.forEach((value, i) => {
        expect(Math.abs(value - theirs.data[i]!)).toBeLessThan(1e-5 * (1 + Math.abs(value)))
      })
    }
  })
})
