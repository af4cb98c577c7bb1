/** Uses of known operators that have no rule: refused by name, also where everything they need is constant and they are folded. */
import { describe, expect, it } from 'vitest'
import { prepare } from '../../src/graph/prepare.ts'
import { GraphBuilder } from '../../src/onnx/builder.ts'

describe('a use without a rule, in constants of the file', () => {
  const folded = (build: (b: GraphBuilder) => string): readonly string[] => {
    const b = new GraphBuilder({ opset: 24 })
    const x = b.input('x', ['N', 2])
    b.output(b.node('Add', [x, build(b)]))
    return prepare(b.build(), { batch: 1 }).refused.map(({ op, reason }) => `${op}: ${reason}`)
  }
  const weights = (b: GraphBuilder) => b.initializer('w', [2], [-9, 3])

  it('Dropout in training mode', () => {
    const training = (b: GraphBuilder) => b.initializer('training', [], [1], 'bool')
    const [only, ...others] = folded((b) => b.node('Dropout', [weights(b), b.constant([0.5], []), training(b)]))
    expect(only).toMatch(/^Dropout: .*training mode/)
    expect(others).toEqual([])
  })
  it.each([
    ['float8e4m3fn', 17],
    ['float8e5m2', 19],
    ['float4e2m1', 23],
  ])('Cast to %s, whose rounding no rule knows', (name, to) => {
    expect(folded((b) => b.node('Cast', [weights(b)], { to }))).toEqual([
      expect.stringContaining(`converts to ${name}`),
    ])
  })
  it('Cast of a float beyond the range of the integer', () => {
    const [only] = folded((b) => b.node('Cast', [b.node('Cast', [weights(b)], { to: 22 })], { to: 1 }))
    expect(only).toMatch(/^Cast: .*converts -9 to int4/)
  })
})

it('Not means the same since opset 1', () => {
  const b = new GraphBuilder({ opset: 1 })
  b.output(b.node('Not', [b.initializer('t', [2], [0, 1], 'bool')]), undefined, 'bool')
  const program = prepare(b.build(), { batch: 1 })
  expect(program.refused).toEqual([])
  expect([...program.outputs[0]!.constant!.data]).toEqual([1, 0])
})

it.each([
  ['strides', { strides: [2, 2] }],
  ['pads', { pads: [1] }],
  ['output_padding', { output_padding: [1, 0] }],
  ['a dilation of 0', { dilations: [0] }],
])('ConvTranspose with %s that cannot be meant is an invalid model', (_, attributes) => {
  const b = new GraphBuilder()
  const x = b.input('x', [1, 1, 4])
  b.output(b.node('ConvTranspose', [x, b.initializer('w', [1, 1, 2], [1, 1])], attributes))
  expect(() => prepare(b.build(), { batch: 1 })).toThrow(/ConvTranspose.*(do not fit 1 spatial axes|below 1)/)
})
