/**
 * Vectors divided by their own size, as exporters spell Softsign, normalisation over an axis, LayerNormalization before opset 17 and
 * RMSNormalization: each against the slopes that the function has, and as executed.
 */
import { describe, expect, it } from 'vitest'
import { prepare } from '../../src/graph/prepare.ts'
import { randomStream } from '../../src/linalg/random.ts'
import { analyse } from '../../src/lipschitz/analyse.ts'
import type { GraphBuilder } from '../../src/onnx/builder.ts'
import { type Body, examine, executedError, modelOf } from '../soundness/examine.ts'

type Dims = readonly number[]
const add = (b: GraphBuilder, x: string, c: number): string => b.node('Add', [x, b.constant([c])])
const square = (b: GraphBuilder, x: string): string => b.node('Pow', [x, b.constant([2])])
const meanOf = (b: GraphBuilder, x: string): string => b.node('ReduceMean', [x, b.indices([-1])], { keepdims: 1 })
const norm = (b: GraphBuilder, x: string): string => b.node('ReduceL2', [x, b.indices([-1])], { keepdims: 1 })
const part = (b: GraphBuilder, x: string, from: number, to: number): string =>
  b.node('Slice', [x, b.indices([from]), b.indices([to]), b.indices([-1])])
const root = (b: GraphBuilder, x: string, c: number): string => b.node('Sqrt', [add(b, x, c)])

interface Spelling {
  readonly dims: Dims
  readonly body: Body
  /** What is proved of it, and by the last column attained. */
  readonly upper: number
  readonly attained?: number
  /** Errors are known too: certificates are possible. */
  readonly executed?: true
}

const SPELLINGS: Readonly<Record<string, Spelling>> = {
  'Softsign: Abs, Add, Div': {
    dims: [1, 5],
    body: (b, x) => b.node('Div', [x, add(b, b.node('Abs', [x]), 1)]),
    upper: 1,
    attained: 0.99,
    executed: true,
  },
  'a softer Softsign of 2 x': {
    dims: [1, 5],
    body: (b, x) => b.node('Div', [b.node('Mul', [x, b.constant([2])]), add(b, b.node('Abs', [x]), 4)]),
    upper: 0.5,
    attained: 0.49,
  },
  'x / sqrt(1 + x^2)': {
    dims: [1, 5],
    body: (b, x) => b.node('Div', [x, root(b, square(b, x), 1)]),
    upper: 1,
    attained: 0.99,
    executed: true,
  },
  'normalize with a floor: ReduceL2, Clip, Expand, Div': {
    dims: [1, 3, 4],
    body: (b, x) => {
      const length = b.node('Clip', [norm(b, x), b.constant([0.5], [])])
      return b.node('Div', [x, b.node('Expand', [length, b.node('Shape', [x])])])
    },
    upper: 2,
    attained: 1.9,
    executed: true,
  },
  'softer: length and a constant': {
    dims: [1, 4],
    body: (b, x) => b.node('Div', [x, add(b, norm(b, x), 0.5)]),
    upper: 2,
    attained: 1.9,
    executed: true,
  },
  'LayerNormalization before opset 17': {
    dims: [1, 2, 6],
    body: (b, x) => {
      const centred = b.node('Sub', [x, meanOf(b, x)])
      const scaled = b.node('Div', [centred, root(b, meanOf(b, square(b, centred)), 0.25)])
      return add(b, b.node('Mul', [scaled, b.constant([1, -2, 0.5, 1, 1, 1])]), 0.1)
    },
    upper: 4,
    attained: 3,
  },
  'RMSNormalization: Mul, ReduceMean, Add, Sqrt, Reciprocal, Mul': {
    dims: [1, 6],
    body: (b, x) => {
      const size = root(b, meanOf(b, b.node('Mul', [x, x])), 0.25)
      return b.node('Mul', [b.node('Mul', [x, b.node('Reciprocal', [size])]), b.constant([1, -2, 0.5, 1, 1, 1])])
    },
    upper: 4,
    attained: 3.9,
    executed: true,
  },
  'the weight multiplied into the reciprocal, first': {
    dims: [1, 6],
    body: (b, x) => {
      const size = root(b, meanOf(b, b.node('Mul', [x, x])), 0.25)
      const factor = b.node('Mul', [b.node('Div', [b.constant([1]), size]), b.constant([1, -2, 0.5, 1, 1, 1])])
      return b.node('Mul', [factor, x])
    },
    upper: 4,
    attained: 3.9,
    executed: true,
  },
  'the power -1/2': {
    dims: [1, 6],
    body: (b, x) => b.node('Mul', [x, b.node('Pow', [add(b, meanOf(b, square(b, x)), 0.25), b.constant([-0.5])])]),
    upper: 2,
    attained: 1.9,
  },
  'one element in two groups': {
    dims: [1, 2],
    body: (b, x) => {
      const sizes = b.node('Concat', [b.node('Abs', [part(b, x, 0, 1)]), norm(b, x)], { axis: 1 })
      return b.node('Div', [x, add(b, sizes, 0.5)])
    },
    upper: 2 * Math.SQRT2,
    attained: 1.9,
  },
}

describe('a vector divided by its own size', () => {
  it.each(Object.entries(SPELLINGS))('%s', async (name, { dims, body, upper, attained, executed }) => {
    const model = modelOf(dims, body)
    const { analysis, found, refuted } = await examine(model, name.length, 4)
    expect(analysis.coverage.refused).toEqual([])
    expect(refuted).toEqual([])
    expect(analysis.bounds.joint.upper!).toBeGreaterThanOrEqual(upper * (1 - 1e-9))
    expect(analysis.bounds.joint.upper!).toBeLessThanOrEqual(upper * (1 + 1e-4))
    if (attained !== undefined) expect(found!.joint).toBeGreaterThan(attained)
    const r = randomStream(5, name.length)
    const points = [0.01, 1, 1e4].map((scale) =>
      Float32Array.from({ length: analysis.inputSize }, () => scale * r.normal()),
    )
    expect(await executedError(model, analysis, points)).toBeLessThanOrEqual(1)
    if (!executed) return
    expect(analysis.proof!.logitErrors.single(0).slope).toBeLessThan(1e-4)
    expect(analysis.proof!.largestNorm).toBeGreaterThan(1000)
  })

  const refusals: Readonly<Record<string, readonly [Dims, Body]>> = {
    'no constant beside the size': [[1, 4], (b, x) => b.node('Div', [x, norm(b, x)])],
    'a divisor that may be 0': [[1, 4], (b, x) => b.node('Div', [x, add(b, b.node('Neg', [norm(b, x)]), 1)])],
    'the size of a part that is divided by the other': [
      [1, 4],
      (b, x) => b.node('Div', [part(b, x, 0, 2), add(b, norm(b, part(b, x, 2, 4)), 1)]),
    ],
    'the size of everything divides a part': [
      [1, 4],
      (b, x) => b.node('Div', [part(b, x, 0, 2), add(b, norm(b, x), 1)]),
    ],
    'a size that weighs its elements': [
      [1, 4],
      (b, x) => b.node('Div', [x, add(b, norm(b, b.node('Mul', [x, b.constant([1, 2, 3, 4])])), 1)]),
    ],
    'the square of the size': [[1, 4], (b, x) => b.node('Div', [x, root(b, square(b, square(b, x)), 1)])],
    'each divided by the size of another': [
      [1, 4],
      (b, x) =>
        b.node('Div', [x, add(b, b.node('Abs', [b.node('Gather', [x, b.indices([3, 2, 1, 0])], { axis: 1 })]), 1)]),
    ],
    'a smallest, no largest': [
      [1, 4],
      (b, x) => b.node('Div', [x, b.node('Min', [add(b, norm(b, x), 0.1), b.constant([1])])]),
    ],
  }
  it.each(Object.entries(refusals))('near miss: %s', async (_, [dims, body]) => {
    const analysis = await analyse(prepare(modelOf(dims, body), { batch: 1 }))
    expect(analysis.bounds.joint.upper).toBeNull()
  })
})
