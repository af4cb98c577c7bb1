/** Logarithms of sums of exponentials, as exporters write LogSigmoid, Softplus and log-sum-exp. */
import { describe, expect, it } from 'vitest'
import { prepare } from '../../src/graph/prepare.ts'
import { analyse } from '../../src/lipschitz/analyse.ts'
import { type Body, examine, modelOf } from '../soundness/examine.ts'

const SPELLINGS: Readonly<Record<string, readonly [Body, upper: number, attained: number]>> = {
  'log sigmoid x': [(b, x) => b.node('Log', [b.node('Sigmoid', [x])]), 1, 0.9],
  'log(1 + exp x)': [(b, x) => b.node('Log', [b.node('Add', [b.node('Exp', [x]), b.constant([1])])]), 1, 0.9],
  'Log, ReduceSum, Exp': [
    (b, x) => b.node('Log', [b.node('ReduceSum', [b.node('Exp', [x]), b.indices([1])], { keepdims: 1 })]),
    1,
    0.9,
  ],
  'weights in front, a mean': [
    (b, x) => {
      const weighted = b.node('Mul', [b.node('Exp', [x]), b.constant([3, 0.1, 2, 1])])
      return b.node('Log', [b.node('ReduceMean', [weighted, b.indices([1])], { keepdims: 1 })])
    },
    1,
    0.9,
  ],
  'log(1 + 5 sigmoid(2 x))': [
    (b, x) => {
      const gate = b.node('Sigmoid', [b.node('Mul', [x, b.constant([2])])])
      return b.node('Log', [b.node('Add', [b.node('Mul', [gate, b.constant([5])]), b.constant([1])])])
    },
    2,
    0.7,
  ],
  'one element in two sums': [
    (b, x) => {
      const e = b.node('Exp', [x])
      const sum = b.node('ReduceSum', [e, b.indices([1])], { keepdims: 1 })
      return b.node('Log', [b.node('Concat', [e, sum], { axis: 1 })])
    },
    Math.SQRT2,
    1.3,
  ],
}

describe('logarithms of sums of exponentials', () => {
  it.each(Object.entries(SPELLINGS))('%s', async (name, [body, upper, attained]) => {
    const { analysis, found, refuted } = await examine(modelOf([1, 4], body), name.length, 4)
    expect(analysis.coverage.refused).toEqual([])
    expect(refuted).toEqual([])
    expect(analysis.bounds.joint.upper!).toBeGreaterThanOrEqual(upper * (1 - 1e-12))
    expect(analysis.bounds.joint.upper!).toBeLessThanOrEqual(upper * (1 + 1e-12))
    expect(found!.joint).toBeGreaterThan(attained)
  })

  const refusals: Readonly<Record<string, Body>> = {
    'the logarithm of x': (b, x) => b.node('Log', [x]),
    'a difference of exponentials': (b, x) =>
      b.node('Log', [
        b.node('Sub', [b.node('Exp', [x]), b.node('Mul', [b.node('Exp', [x]), b.constant([0.5, 2, 1, 1])])]),
      ]),
    'one exponential less another, and a constant': (b, x) => {
      const signed = b.node('Mul', [b.node('Exp', [x]), b.constant([1, -0.5, 1, 1])])
      const sum = b.node('ReduceSum', [signed, b.indices([1])], { keepdims: 1 })
      return b.node('Log', [b.node('Add', [sum, b.constant([10])])])
    },
    'less a constant': (b, x) => b.node('Log', [b.node('Sub', [b.node('Exp', [x]), b.constant([0.5])])]),
    'log tanh x': (b, x) => b.node('Log', [b.node('Tanh', [x])]),
    'the exponential alone': (b, x) => b.node('Exp', [x]),
  }
  it.each(Object.entries(refusals))('near miss: %s', async (_, body) => {
    const analysis = await analyse(prepare(modelOf([1, 4], body), { batch: 1 }))
    expect(analysis.bounds.joint.upper).toBeNull()
  })
})
