/** Networks whose expressions were once rewritten into others: bounded below what a pair of points attains. */
import { describe, expect, it } from 'vitest'
import { type Body, examine, modelOf } from './examine.ts'

const absorbed: readonly (readonly [name: string, body: Body])[] = [
  [
    'min(x, relu(x)) is x: relu(x) + min(x, relu(x)) - x is not 0',
    (b, x) => {
      const relu = b.node('Relu', [x])
      return b.node('Sub', [b.node('Add', [relu, b.node('Min', [x, relu])]), x])
    },
  ],
  [
    'min(p, max(p, q)) is p: max(p, q) + min(p, max(p, q)) - p is not 0',
    (b, x) => {
      const [p, q] = b.nodes('Split', [x, b.indices([2, 2])], 2, { axis: 1 }) as [string, string]
      const max = b.node('Max', [p, q])
      return b.node('Sub', [b.node('Add', [max, b.node('Min', [p, max])]), p])
    },
  ],
  [
    'max(x, min(x, 0)) is x: min(x, 0) + max(x, min(x, 0)) - x is not 0',
    (b, x) => {
      const low = b.node('Min', [x, b.constant([0])])
      return b.node('Sub', [b.node('Add', [low, b.node('Max', [x, low])]), x])
    },
  ],
]

describe('an order statistic among the arguments of another', () => {
  it.each(absorbed)('%s', async (_, body) => {
    const { analysis, refuted } = await examine(modelOf([1, 4], body), 31, 10)
    expect(refuted).toEqual([])
    expect(analysis.bounds.joint.upper).toBe(1)
  })
})
