/** Random small networks: what is proved is never below what the network does. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { evaluate } from '../../src/graph/evaluate.ts'
import type { Program } from '../../src/graph/program.ts'
import { analyse, withLowerBounds } from '../../src/lipschitz/index.ts'
import type { GraphBuilder } from '../../src/onnx/builder.ts'
import { conv, dense, maxMin, programOf, random, rotation } from './networks.ts'
import { streamFrom } from './stream.ts'

const CHANNELS = 4
const SIDE = 4

/** Steps that keep the shape [1, 4, 4, 4]. */
const STEPS: Readonly<Record<string, (b: GraphBuilder, x: string, seed: number) => string>> = {
  conv: (b, x, seed) => conv(b, x, random(seed, 144, 0.3), [4, 4, 3, 3], { pads: [1, 1, 1, 1] }, random(seed + 1, 4)),
  depthwise: (b, x, seed) => conv(b, x, random(seed, 36, 0.5), [4, 1, 3, 3], { pads: [1, 1, 1, 1], group: 4 }),
  maxMin: (b, x) => maxMin(b, x),
  relu: (b, x) => b.node('Relu', [x]),
  leaky: (b, x) => b.node('LeakyRelu', [x], { alpha: { float: 0.2 } }),
  abs: (b, x) => b.node('Abs', [x]),
  tanh: (b, x) => b.node('Tanh', [x]),
  residual: (b, x, seed) => b.node('Add', [x, b.node('Relu', [STEPS.conv!(b, x, seed)])]),
  linearResidual: (b, x, seed) => b.node('Add', [b.node('Mul', [x, b.constant([0.5])]), STEPS.conv!(b, x, seed)]),
  convex: (b, x, seed) => {
    const scaled = (y: string, c: number): string => b.node('Mul', [y, b.constant([c])])
    return b.node('Add', [scaled(x, 0.3), scaled(maxMin(b, STEPS.conv!(b, x, seed)), 0.7)])
  },
  difference: (b, x, seed) => b.node('Sub', [maxMin(b, x), STEPS.depthwise!(b, x, seed)]),
  maxOfBranches: (b, x, seed) => b.node('Max', [STEPS.conv!(b, x, seed), x]),
  reflect: (b, x, seed) =>
    conv(
      b,
      b.node('Pad', [x, b.indices([0, 0, 1, 1, 0, 0, 1, 1])], { mode: 'reflect' }),
      random(seed, 144, 0.3),
      [4, 4, 3, 3],
    ),
  zeroPad: (b, x, seed) =>
    conv(b, b.node('Pad', [x, b.indices([0, 0, 1, 1, 0, 0, 1, 1])]), random(seed, 144, 0.3), [4, 4, 3, 3]),
  maxPool: (b, x) => b.node('MaxPool', [x], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }),
  average: (b, x) => b.node('AveragePool', [x], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }),
  l2: (b, x) => {
    const mean = b.node('AveragePool', [b.node('Mul', [x, x])], { kernel_shape: [2, 2], strides: [2, 2] })
    const pooled = b.node('Sqrt', [b.node('Mul', [mean, b.constant([4])])])
    const four = [pooled, pooled, b.node('Neg', [pooled]), pooled]
    return b.node('Reshape', [b.node('Concat', four, { axis: 1 }), b.indices([1, CHANNELS, SIDE, SIDE])])
  },
  scale: (b, x, seed) => b.node('Mul', [x, b.constant(random(seed, 4), [1, 4, 1, 1])]),
  shuffle: (b, x) => b.node('Transpose', [x], { perm: [0, 1, 3, 2] }),
}

const networks = fc.record({
  steps: fc.array(fc.constantFrom(...Object.keys(STEPS)), { minLength: 1, maxLength: 5 }),
  seed: fc.integer({ min: 0, max: 1e6 }),
  head: fc.constantFrom('dense', 'pooled', 'none'),
})

function build({ steps, seed, head }: { steps: readonly string[]; seed: number; head: string }): Program {
  return programOf([1, CHANNELS, SIDE, SIDE], head === 'none' ? [1, CHANNELS, SIDE, SIDE] : [1, 3], (b, x) => {
    let y = x
    steps.forEach((step, k) => {
      y = STEPS[step]!(b, y, seed + 10 * k)
    })
    if (head === 'none') return y
    const flat = b.node('Flatten', [head === 'pooled' ? b.node('GlobalAveragePool', [y]) : y])
    const inputs = head === 'pooled' ? 4 : 64
    return dense(b, flat, random(seed + 99, 3 * inputs), 3, inputs, random(seed + 98, 3))
  })
}

describe('random networks', () => {
  const runs = process.env.LIP_ONNX_SLOW ? 400 : 25
  it(`no two points are further apart than proved (${runs} networks)`, async () => {
    await fc.assert(
      fc.asyncProperty(networks, async (network) => {
        const program = build(network)
        expect(program.refused).toEqual([])
        const stream = streamFrom(network.seed)
        const point = () => Float64Array.from({ length: 64 }, stream)
        const points = [point(), point()]
        const analysis = withLowerBounds(await analyse(program), points, { steps: 3, candidates: 1 })
        const { logit, joint, pair, features } = analysis.bounds
        for (const bound of [logit, joint, pair, features]) {
          expect(bound.upper).not.toBeNull()
          expect(bound.lower).toBeLessThanOrEqual(bound.upper!)
        }
        const output = program.outputs[0]!.name
        const run = (data: Float64Array): Float64Array =>
          evaluate(program, new Map([['x', { type: 'float32', dims: [1, CHANNELS, SIDE, SIDE], data }]])).get(output)!
            .data
        const { outputs } = analysis.proof!
        for (let trial = 0; trial < 12; trial++) {
          const size = 10 ** (-3 + (trial % 4))
          const [x, step] = [point(), point()]
          const z = x.map((v, k) => v + size * step[k]!)
          const [a, b] = [run(x), run(z)]
          const distance = Math.hypot(...x.map((v, k) => z[k]! - v)) * (1 + 1e-9)
          expect(Math.hypot(...a.map((v, k) => b[k]! - v))).toBeLessThanOrEqual(joint.upper! * distance + 1e-12)
          for (let i = 0; i < Math.min(3, a.length); i++) {
            expect(Math.abs(a[i]! - b[i]!)).toBeLessThanOrEqual(outputs.logits[i]! * distance + 1e-12)
            for (let j = 0; j < i; j++)
              expect(Math.abs(a[i]! - a[j]! - b[i]! + b[j]!)).toBeLessThanOrEqual(outputs.pair(i, j) * distance + 1e-12)
          }
        }
      }),
      { numRuns: runs, seed: 20 },
    )
  })

  it('every step on its own', async () => {
    for (const step of Object.keys(STEPS)) {
      const program = build({ steps: [step], seed: 5, head: 'none' })
      const start = Float64Array.from({ length: 64 }, streamFrom(3))
      const { joint } = withLowerBounds(await analyse(program), [start], { steps: 6 }).bounds
      expect(joint.upper, step).not.toBeNull()
      expect(joint.lower, step).toBeLessThanOrEqual(joint.upper!)
      // And not far above: what is proved is worth something.
      expect(joint.upper!, step).toBeLessThan(2.6 * joint.lower)
    }
  })

  it('orthogonal layers and sorting are proved to be what they are', async () => {
    const program = programOf([1, 8], [1, 8], (b, x) => {
      let y = x
      for (const angle of [0.3, 1.1, 2.2]) y = maxMin(b, dense(b, y, rotation(8, angle), 8, 8))
      return y
    })
    const start = Float64Array.from({ length: 8 }, streamFrom(3))
    const { joint } = withLowerBounds(await analyse(program), [start]).bounds
    expect(joint.lower).toBeGreaterThan(0.999999)
    expect(joint.upper!).toBeLessThan(1.000001)
  })
})
