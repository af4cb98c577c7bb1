import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { evaluate } from '../../src/graph/evaluate.ts'
import { prepare } from '../../src/graph/prepare.ts'
import { randomStream } from '../../src/linalg/random.ts'
import { analyse } from '../../src/lipschitz/analyse.ts'
import { withLowerBounds } from '../../src/lipschitz/jacobian-lower.ts'
import { GraphBuilder } from '../../src/onnx/builder.ts'
import { encodeModel } from '../../src/onnx/write.ts'
import { verifyModel } from '../../src/verify/verify-model.ts'
import { steepest } from './steepest.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lip-onnx-exits-'))
})
afterAll(() => rm(folder, { recursive: true }))

type Make = (b: GraphBuilder, x: string) => void

async function exitOf(
  make: Make,
  options: Parameters<typeof verifyModel>[1] = {},
  dims: (string | number)[] = ['N', 4],
) {
  const b = new GraphBuilder({ opset: 18 })
  make(b, b.input('x', dims))
  const path = join(folder, 'model.onnx')
  await writeFile(path, encodeModel(b.build()))
  return (await verifyModel(path, options)).exitCode
}

const relu = (b: GraphBuilder, x: string): string => b.output(b.node('Relu', [x]))
const scaled = (b: GraphBuilder, x: string, by: number): string => b.node('Mul', [x, b.constant([by])])

describe('exit 0 only when everything asked was proved', () => {
  const cases: readonly [name: string, exit: number, make: Make, options?: Parameters<typeof verifyModel>[1]][] = [
    ['Relu', 0, relu],
    ['a second output that is steeper', 2, (b, x) => [relu(b, x), b.output(scaled(b, x, 100))]],
    ['a second output without a bound', 2, (b, x) => [relu(b, x), b.output(b.node('Mul', [x, x]))]],
    ['a second output within the limit', 0, (b, x) => [relu(b, x), b.output(b.node('Abs', [x]))]],
    [
      'the pair of a second output',
      2,
      (b, x) => [b.output(scaled(b, x, 0.5)), b.output(b.node('Abs', [x]))],
      { of: 'pair' },
    ],
    [
      'a label beside the scores',
      0,
      (b, x) => [relu(b, x), b.output(b.node('ArgMax', [x], { axis: 1 }), ['N', 1], 'int64')],
    ],
    [
      'a second output that mixes rows',
      2,
      (b, x) => [relu(b, x), b.output(b.node('CumSum', [scaled(b, x, 0.5), b.indices([0], [])]))],
    ],
    ['LogSoftmax of 1-Lipschitz logits', 2, (b, x) => b.output(b.node('LogSoftmax', [x], { axis: 1 }))],
    ['an output that does not depend on the input', 2, (b) => b.output(b.initializer('w', [1, 4], [1, 2, 3, 4]))],
    ['no elements', 2, (b, x) => b.output(b.node('MatMul', [x, b.initializer('w', [4, 0], [])]))],
    [
      'scaled by the batch',
      2,
      (b, x) => {
        const n = b.node('Cast', [b.node('Gather', [b.node('Shape', [x]), b.indices([0])])], { to: 1 })
        b.output(b.node('Mul', [x, n]))
      },
    ],
    ['one ulp above the limit', 1, (b, x) => b.output(scaled(b, x, 1 + 2 ** -23))],
    ['one ulp below the limit', 0, (b, x) => b.output(scaled(b, x, 1 - 2 ** -24))],
    [
      'a limit between two doubles',
      2,
      (b, x) => b.output(scaled(b, x, Math.fround(0.1))),
      { maxLipschitz: '0.1000000014901161193' },
    ],
  ]
  it.each(cases)('%s: %i', async (_, exit, make, options) => {
    expect(await exitOf(make, options)).toBe(exit)
  })
  it('an input without elements', async () => expect(await exitOf(relu, {}, ['N', 0])).toBe(2))
})

describe('LogSoftmax at the end', () => {
  it('bounds what the file puts out, and claims no more from below', async () => {
    const b = new GraphBuilder()
    const x = b.input('x', ['N', 3])
    const w = b.initializer('w', [3, 3], [1, 0.5, -1, 0, 1, 0.3, 0.2, 0, 1])
    const y = b.output(b.node('LogSoftmax', [b.node('MatMul', [x, w])], { axis: 1 }))
    const program = prepare(b.build(), { batch: 1 })
    const analysis = withLowerBounds(await analyse(program), [new Float64Array(3), Float64Array.of(9, 0, -9)])
    const [input] = program.inputs
    const found = steepest(
      (data) => evaluate(program, new Map([['x', { ...input!, data }]]), [y]).get(y)!.data,
      3,
      randomStream(11),
      21,
    )
    for (const name of ['logit', 'joint', 'pair'] as const) {
      const { lower, upper } = analysis.bounds[name]
      expect(found[name]).toBeLessThanOrEqual(upper! * (1 + 1e-9))
      expect(found[name]).toBeGreaterThanOrEqual(lower * 0.98)
      expect(lower).toBeGreaterThan(0.5)
    }
  })
})
