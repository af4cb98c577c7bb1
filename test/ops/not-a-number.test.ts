import { describe, expect, it } from 'vitest'
import { prepare } from '../../src/graph/prepare.ts'
import { openNetwork } from '../../src/lipschitz/network.ts'
import { GraphBuilder } from '../../src/onnx/builder.ts'
import type { Attribute } from '../../src/onnx/ir.ts'

const number = (value: number): Attribute => ({ kind: 'float', value })

describe('parameters that are not numbers', () => {
  it.each([
    ['LeakyRelu', { alpha: number(Number.NaN) }],
    ['Elu', { alpha: number(Number.POSITIVE_INFINITY) }],
    ['Celu', { alpha: number(Number.NaN) }],
    ['Selu', { gamma: number(Number.NaN) }],
    ['HardSigmoid', { alpha: number(Number.NaN) }],
    ['Clip', { min: number(Number.NaN) }],
    ['LRN', { size: { kind: 'int', value: 3 }, bias: number(Number.NaN) }],
  ] as const)('%s has no bound', async (op, attributes) => {
    const b = new GraphBuilder({ opset: op === 'Clip' ? 10 : 18 })
    b.output(b.node(op, [b.input('x', [1, 3, 2])], attributes), [1, 3, 2])
    const network = await openNetwork(prepare(b.build(), { batch: 1 }))
    expect(network.rule(network.program.nodes[0]!).kind).toBe('unbounded')
  })
})
