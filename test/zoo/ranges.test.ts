/** Operators that are unbounded in general, where what they get stays in an interval: gates, log(1 + |x|), quotients. */
import { describe, expect, it } from 'vitest'
import { evaluate } from '../../src/graph/evaluate.ts'
import { prepare } from '../../src/graph/prepare.ts'
import { randomStream } from '../../src/linalg/random.ts'
import { analyse } from '../../src/lipschitz/analyse.ts'
import { createConstants } from '../../src/lipschitz/constants.ts'
import { openNetwork } from '../../src/lipschitz/network.ts'
import { createRanges } from '../../src/lipschitz/ranges.ts'
import type { GraphBuilder } from '../../src/onnx/builder.ts'
import { type Body, examine, modelOf } from '../soundness/examine.ts'

type Dims = readonly number[]
const one = (b: GraphBuilder, x: string): string => b.node('Add', [x, b.constant([1])])
const mul = (b: GraphBuilder, x: string, y: string): string => b.node('Mul', [x, y])
const halves = (b: GraphBuilder, x: string): readonly [string, string] => {
  const [p, q] = b.nodes('Split', [x], 2, { axis: 1 })
  return [p!, q!]
}
const relu6 = (b: GraphBuilder, x: string): string => b.node('Clip', [x, b.constant([0], []), b.constant([6], [])])

interface Spelling {
  readonly dims?: Dims
  readonly body: Body
  readonly upper: number
  readonly attained: number
}

const SPELLINGS: Readonly<Record<string, Spelling>> = {
  'a gate: tanh times sigmoid': {
    body: (b, x) => {
      const [p, q] = halves(b, x)
      return mul(b, b.node('Tanh', [p]), b.node('Sigmoid', [q]))
    },
    // |tanh| <= 1 times 1/4 and |sigmoid| <= 1 times 1, as if both halves moved by all of it.
    upper: 1.25,
    attained: 0.55,
  },
  'a highway of bounded values': {
    body: (b, x) => {
      const gate = b.node('Sigmoid', [x])
      const rest = b.node('Sub', [b.constant([1]), gate])
      return b.node('Add', [mul(b, gate, b.node('Tanh', [x])), mul(b, rest, b.node('Sin', [x]))])
    },
    upper: 2.5,
    attained: 0.9,
  },
  'squeeze and excitation of what ReLU6 bounds': {
    dims: [1, 2, 2, 2],
    body: (b, x) => {
      const y = relu6(b, x)
      return mul(b, y, b.node('Sigmoid', [b.node('GlobalAveragePool', [y])]))
    },
    // sigmoid(6), and 6 sqrt(4) / 4 / sqrt(4).
    upper: 1.5 + 1 / (1 + Math.exp(-6)),
    attained: 1.01,
  },
  'log(1 + |x|)': { body: (b, x) => b.node('Log', [one(b, b.node('Abs', [x]))]), upper: 1, attained: 0.8 },
  'sqrt(1 + |x|)': { body: (b, x) => b.node('Sqrt', [one(b, b.node('Abs', [x]))]), upper: 0.5, attained: 0.4 },
  'exp(-|x|)': { body: (b, x) => b.node('Exp', [b.node('Neg', [b.node('Abs', [x])])]), upper: 1, attained: 0.8 },
  '1 / (1 + relu(x))': {
    body: (b, x) => b.node('Reciprocal', [one(b, b.node('Relu', [x]))]),
    upper: 1,
    attained: 0.8,
  },
  'sigmoid(x) / (1 + relu(x))': {
    body: (b, x) => b.node('Div', [b.node('Sigmoid', [x]), one(b, b.node('Relu', [x]))]),
    upper: 1.25,
    attained: 0.2,
  },
  'the cube of a sigmoid': {
    body: (b, x) => b.node('Pow', [b.node('Sigmoid', [x]), b.constant([3])]),
    upper: 0.75,
    attained: 0.3,
  },
  '(1 + |x|)^-2': {
    body: (b, x) => b.node('Pow', [one(b, b.node('Abs', [x])), b.constant([-2])]),
    upper: 2,
    attained: 1.5,
  },
  'the square of a tanh': {
    body: (b, x) => {
      const y = b.node('Tanh', [x])
      return mul(b, y, y)
    },
    upper: 2,
    attained: 0.7,
  },
}

describe('what stays in an interval', () => {
  it.each(Object.entries(SPELLINGS))('%s', async (name, { dims = [1, 4], body, upper, attained }) => {
    const { analysis, found, refuted } = await examine(modelOf(dims, body), name.length, 4)
    expect(analysis.coverage.refused).toEqual([])
    expect(refuted).toEqual([])
    expect(analysis.bounds.joint.upper!).toBeGreaterThanOrEqual(upper * (1 - 1e-9))
    expect(analysis.bounds.joint.upper!).toBeLessThanOrEqual(upper * (1 + 1e-9))
    expect(found!.joint).toBeGreaterThan(attained)
    // The errors of what has no constant of its own are not known: nothing is certified behind it.
    expect(analysis.proof!.logitErrors.single(0).slope).toBe(Number.POSITIVE_INFINITY)
  })

  const refusals: Readonly<Record<string, Body>> = {
    'one factor has no limit': (b, x) => {
      const [p, q] = halves(b, x)
      return mul(b, p, b.node('Sigmoid', [q]))
    },
    'the logarithm of |x|': (b, x) => b.node('Log', [b.node('Abs', [x])]),
    'the root of relu(x)': (b, x) => b.node('Sqrt', [b.node('Relu', [x])]),
    'a divisor that reaches 0': (b, x) => b.node('Div', [b.node('Tanh', [x]), b.node('Relu', [x])]),
    'a divisor of both signs': (b, x) =>
      b.node('Reciprocal', [b.node('Add', [b.node('Tanh', [x]), b.constant([0.5])])]),
    'the exponential of relu(x)': (b, x) => b.node('Exp', [b.node('Relu', [x])]),
    'a bounded value times a step': (b, x) =>
      mul(b, b.node('Sigmoid', [x]), b.node('Cast', [b.node('Greater', [x, b.constant([0])])], { to: 1 })),
  }
  it.each(Object.entries(refusals))('near miss: %s', async (_, body) => {
    const analysis = await analyse(prepare(modelOf([1, 4], body), { batch: 1 }))
    expect(analysis.bounds.joint.upper).toBeNull()
  })

  it('constants that the file computes may be off by what computing them rounds', async () => {
    // A float32 runtime makes 1/3 of it within 2^-24, a hundred thousand times what float64 is off.
    const third = (b: GraphBuilder): string => b.node('Div', [b.constant([1]), b.constant([3])])
    const gate = (b: GraphBuilder, x: string): string => one(b, b.node('Sigmoid', [x]))
    const spellings: readonly (readonly [Body, low: number, high: number])[] = [
      // In a sum that is followed element by element, and as an operand of a node.
      [(b, x) => b.node('Add', [gate(b, x), third(b)]), 1 + 1 / 3, 2 + 1 / 3],
      [(b, x) => b.node('Div', [third(b), gate(b, x)]), 1 / 6, 1 / 3],
    ]
    for (const [body, low, high] of spellings) {
      const program = prepare(modelOf([1, 4], body), { batch: 1 })
      const range = createRanges(await openNetwork(program, { workers: 0 })).of(program.outputs[0]!.name)
      const off = 2 ** -26
      expect(range[0]).toBeLessThan(low - off / 8)
      expect(range[0]).toBeGreaterThan(low - 2 ** -20)
      expect(range[1]).toBeGreaterThan(high + off / 4)
      expect(range[1]).toBeLessThan(high + 2 ** -20)
    }
  })

  it('no element of any tensor leaves its range', async () => {
    for (const [name, { dims = [1, 4], body }] of Object.entries(SPELLINGS)) {
      const program = prepare(modelOf(dims, body), { batch: 1 })
      const network = await openNetwork(program, { workers: 0 })
      createConstants(network)
      const ranges = createRanges(network)
      const r = randomStream(3, name.length)
      for (const scale of [0.1, 1, 10, 1000]) {
        const [input] = program.inputs
        const size = input!.dims.reduce((n, dim) => n * dim, 1)
        const data = Float64Array.from({ length: size }, () => scale * r.normal())
        const names = program.nodes.flatMap(({ site }) => site.outputs.map((output) => output.name))
        const values = evaluate(program, new Map([[input!.name, { ...input!, data }]]), names)
        for (const { site } of program.nodes)
          for (const output of site.outputs) {
            const [low, high] = ranges.of(output.name)
            for (const value of values.get(output.name)!.data) {
              expect(value, `${name}: ${site.node.op}`).toBeGreaterThanOrEqual(low)
              expect(value, `${name}: ${site.node.op}`).toBeLessThanOrEqual(high)
            }
          }
      }
    }
  })
})
