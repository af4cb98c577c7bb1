/**
 * Weights that the file computes: parametrisations that an exporter has left in the graph. What is stored of them is held against what
 * a float32 runtime computes in their place, and against the slopes of the whole.
 */
import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { prepare } from '../../src/graph/prepare.ts'
import { analyse } from '../../src/lipschitz/analyse.ts'
import type { GraphBuilder } from '../../src/onnx/builder.ts'
import { encodeModel } from '../../src/onnx/write.ts'
import { random } from '../lipschitz/networks.ts'
import { examine, modelOf } from '../soundness/examine.ts'

type Weights = (b: GraphBuilder, w: string) => string
const transposed = (b: GraphBuilder, w: string): string => b.node('Transpose', [w], { perm: [1, 0] })
const product = (b: GraphBuilder, p: string, q: string): string => b.node('MatMul', [p, q])
const vector = (b: GraphBuilder, seed: number, dims: readonly number[]): string =>
  b.initializer(`v${seed}`, dims, random(seed, 6, 0.5))

const PARAMETRISATIONS: Readonly<Record<string, Weights>> = {
  'spectral normalisation, its vectors stored': (b, w) =>
    b.node('Div', [w, product(b, product(b, vector(b, 3, [1, 6]), w), vector(b, 4, [6, 1]))]),
  'weight normalisation': (b, w) => b.node('Div', [w, b.node('ReduceL2', [w, b.indices([1])], { keepdims: 1 })]),
  'AOL: columns scaled by the row sums of |W^T W|': (b, w) => {
    const gram = b.node('Abs', [product(b, transposed(b, w), w)])
    const sums = b.node('Sqrt', [b.node('ReduceSum', [gram, b.indices([0])], { keepdims: 0 })])
    return b.node('Mul', [w, b.node('Reciprocal', [sums])])
  },
  'factors by Exp and Sigmoid': (b, w) => {
    const q = b.node('Exp', [vector(b, 5, [6])])
    const gate = b.node('Sigmoid', [b.node('Exp', [vector(b, 7, [6])])])
    return b.node('Mul', [b.node('Mul', [w, q]), gate])
  },
  'a step of Björck and Bowie': (b, w) => {
    const cubic = product(b, product(b, w, transposed(b, w)), w)
    return b.node('Sub', [b.node('Mul', [w, b.constant([1.5])]), b.node('Mul', [cubic, b.constant([0.5])])])
  },
  'Gemm with a negative alpha': (b, w) =>
    b.node('Gemm', [w, w, vector(b, 8, [1, 6])], { alpha: { float: -0.7 }, beta: { float: 0.3 }, transB: 1 }),
  'I - W by Sub and Mean of both': (b, w) =>
    b.node('Mean', [b.node('Sub', [b.node('Einsum', [w, w], { equation: 'ij,kj->ik' }), w]), w]),
}

describe('weights that the file computes', () => {
  const stored = (b: GraphBuilder): string => b.initializer('w', [6, 6], random(11, 36, 0.6))

  it.each(Object.entries(PARAMETRISATIONS))('%s', async (name, weights) => {
    const model = modelOf([1, 6], (b, x) => product(b, x, weights(b, stored(b))), { fixed: true })
    const { analysis, found, refuted } = await examine(model, name.length, 4)
    expect(analysis.coverage.refused).toEqual([])
    expect(refuted).toEqual([])
    const { upper } = analysis.bounds.joint
    expect(found!.joint).toBeGreaterThan(0.99 * upper!)

    // Row k of x = identity times W is what the runtime made of W.
    const { program } = analysis
    const [node] = program.nodes
    const { data, relativeError } = node!.site.inputs[1]!.constant!
    expect(relativeError).toBeGreaterThan(0)
    expect(relativeError).toBeLessThan(1e-2)
    const session = await ort.InferenceSession.create(encodeModel(model), { graphOptimizationLevel: 'disabled' })
    for (let k = 0; k < 6; k++) {
      const unit = Float32Array.from({ length: 6 }, (_, i) => Number(i === k))
      const result = await session.run({ x: new ort.Tensor('float32', unit, [1, 6]) })
      const row = Object.values(result)[0]!.data as Float32Array
      row.forEach((value, i) => {
        const exact = data[6 * k + i]!
        expect(Math.abs(value - exact)).toBeLessThanOrEqual(relativeError! * Math.abs(exact) * (1 + 1e-9))
      })
    }
    await session.release()
  })

  it('what cancels to nothing has no relative error, and nothing is proved with it', async () => {
    const model = modelOf([1, 6], (b, x) => {
      const w = stored(b)
      const third = b.node('Div', [w, b.constant([3])])
      return product(b, x, b.node('Sub', [b.node('Add', [third, b.node('Add', [third, third])]), w]))
    })
    const analysis = await analyse(prepare(model, { batch: 1 }))
    const upper = analysis.bounds.joint.upper
    expect(upper === null || upper > 1e-9).toBe(true)
  })

  it('CastLike of a constant to the type of what depends on the input is a constant', async () => {
    const model = modelOf([1, 6], (b, x) =>
      b.node('Mul', [x, b.node('CastLike', [b.initializer('two', [], [2], 'float64'), x])]),
    )
    const { analysis } = await examine(model, 1, 2)
    expect(analysis.bounds.joint.upper).toBe(2)
  })
})
