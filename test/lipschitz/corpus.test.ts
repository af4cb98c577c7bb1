/** Networks that must fail, be refused or lose their certificates, each with what it would fool. */
import { describe, expect, it } from 'vitest'
import { prepare } from '../../src/graph/prepare.ts'
import { type Analysis, analyse, certify } from '../../src/lipschitz/index.ts'
import type { GraphBuilder } from '../../src/onnx/builder.ts'
import { type Body, conv, dense, maxMin, modelOf, programOf, rotation } from './networks.ts'

const analyseBody = (input: readonly number[], output: readonly number[], body: Body): Promise<Analysis> =>
  analyse(programOf(input, output, body))

const refusals = async (
  input: readonly number[],
  output: readonly number[],
  body: Body,
): Promise<readonly string[]> => {
  const analysis = await analyseBody(input, output, body)
  expect(analysis.bounds.logit.upper).toBeNull()
  expect(analysis.proof).toBeUndefined()
  expect(analysis.coverage.handled).toBeLessThan(analysis.coverage.nodes)
  return analysis.coverage.refused.map(({ op }) => op)
}

/** Radius of a sample with a margin of 1 at an input of norm 1. */
const radiusOf = (analysis: Analysis): number => {
  const logits = new Float32Array(analysis.classes)
  logits[0] = 1
  if (analysis.classes > 1) logits[1] = -1
  return certify(analysis, { logits, inputNorm: 1, label: analysis.classes === 1 ? 1 : 0, index: 0 }).radius
}

describe('refused by name', () => {
  const cases: readonly (readonly [string, readonly number[], readonly number[], Body, string])[] = [
    ['an unfused x * x', [1, 4], [1, 4], (b, x) => b.node('Mul', [x, x]), 'Mul'],
    [
      'a step by Where',
      [1, 4],
      [1, 4],
      (b, x) => b.node('Where', [b.node('Greater', [x, b.constant([0])]), x, b.constant([1])]),
      'Greater',
    ],
    [
      'ThresholdedRelu',
      [1, 4],
      [1, 4],
      (b, x) => b.node('ThresholdedRelu', [x], { alpha: { float: 1 } }),
      'ThresholdedRelu',
    ],
    ['a sign', [1, 4], [1, 4], (b, x) => b.node('Sign', [x]), 'Sign'],
    ['rounding', [1, 4], [1, 4], (b, x) => b.node('Floor', [x]), 'Floor'],
    ['an unknown operator', [1, 4], [1, 4], (b, x) => b.node('Sort2', [x]), 'Sort2'],
    ['1 / x', [1, 4], [1, 4], (b, x) => b.node('Reciprocal', [x]), 'Reciprocal'],
    ['x @ x', [1, 4, 4], [1, 4, 4], (b, x) => b.node('MatMul', [x, x]), 'MatMul'],
  ]
  for (const [name, input, output, body, op] of cases)
    it(name, async () => expect(await refusals(input, output, body)).toEqual([op]))

  it('a refused node in the middle makes everything behind it unknown', async () => {
    const ops = await refusals([1, 4], [1, 4], (b, x) =>
      b.node('Relu', [dense(b, b.node('Floor', [b.node('Relu', [x])]), rotation(4, 1), 4, 4)]),
    )
    expect(ops).toEqual(['Floor'])
  })

  it('NaN weights', async () => {
    const weights = rotation(4, 1)
    weights[3] = Number.NaN
    const analysis = await analyseBody([1, 4], [1, 4], (b, x) => dense(b, x, weights, 4, 4))
    expect(analysis.bounds.joint.upper).toBeNull()
  })

  it('an initializer that callers may override', async () => {
    const model = modelOf([1, 4], [1, 4], (b, x) => dense(b, x, rotation(4, 1), 4, 4))
    const [name, stored] = [...model.graph.initializers][0]!
    const inputs = [...model.graph.inputs, { name, type: stored.type, dims: stored.dims }]
    const analysis = await analyse(prepare({ ...model, graph: { ...model.graph, inputs } }, { batch: 1 }))
    expect(analysis.bounds.joint.upper).toBeNull()
    expect(analysis.coverage.refused[0]!.name).toBe(name)
  })
})

describe('bounded as it is', () => {
  it('overlapping MaxPool 3x3 of stride 1 is 3, not 1', async () => {
    const { bounds } = await analyseBody([1, 1, 9, 9], [1, 1, 7, 7], (b, x) =>
      b.node('MaxPool', [x], { kernel_shape: [3, 3] }),
    )
    expect(bounds.joint.upper).toBe(3)
  })
  it('a shift behind a reflecting pad reaches 1.4142, not 1', async () => {
    const { bounds } = await analyseBody([1, 1, 16], [1, 1, 16], (b, x) =>
      conv(b, b.node('Pad', [x, b.indices([0, 0, 1, 0, 0, 1])], { mode: 'reflect' }), [0, 0, 1], [1, 1, 3]),
    )
    expect(bounds.joint.upper!).toBeGreaterThanOrEqual(Math.SQRT2 * (1 - 1e-12))
    // As one operator, by its dense matrix: tight.
    expect(bounds.joint.upper!).toBeLessThan(1.415)
  })
  it('an average that leaves padding out is 1.028, not 0.805', async () => {
    const { bounds } = await analyseBody([1, 1, 3], [1, 1, 3], (b, x) =>
      b.node('AveragePool', [x], { kernel_shape: [3], strides: [1], pads: [1, 1], count_include_pad: 0 }),
    )
    expect(bounds.joint.upper!).toBeGreaterThanOrEqual(1.0281)
  })
  it("deel-lip's first convolution at 28x28 is 1.0244, not 1", async () => {
    // Orthonormal columns of [9, 16] scaled by n / (3 n - 2): sigma is exactly 3 n / (3 n - 2).
    const coefficient = 28 / (3 * 28 - 2)
    const weights = new Float32Array(16 * 9)
    for (let o = 0; o < 9; o++) weights[o * 9 + o] = coefficient
    const analysis = await analyseBody([1, 1, 28, 28], [1, 16, 28, 28], (b, x) =>
      conv(b, x, weights, [16, 1, 3, 3], { pads: [1, 1, 1, 1] }),
    )
    expect(analysis.layers[0]!.lower).toBeGreaterThan(1.024)
    expect(analysis.bounds.joint.upper!).toBeGreaterThanOrEqual(84 / 82 - 1e-6)
  })
  it('two layers scaled by 2^k and 2^-k are as they were', async () => {
    const scaled = (k: number) =>
      analyseBody([1, 6], [1, 6], (b, x) => {
        const up = rotation(6, 1).map((v) => v * 2 ** k)
        const down = rotation(6, 2).map((v) => v * 2 ** -k)
        return dense(b, maxMin(b, dense(b, x, up, 6, 6)), down, 6, 6)
      })
    const [plain, shifted] = [await scaled(0), await scaled(40)]
    expect(shifted.bounds.joint.upper! / plain.bounds.joint.upper!).toBeCloseTo(1, 9)
    expect(radiusOf(shifted)).toBeGreaterThan(0)
  })
  it('weights of 1e-30 do not become zero', async () => {
    const { bounds } = await analyseBody([1, 6], [1, 6], (b, x) =>
      dense(
        b,
        x,
        rotation(6, 1).map((v) => v * 1e-30),
        6,
        6,
      ),
    )
    expect(bounds.joint.upper!).toBeGreaterThan(0.99e-30)
  })
})

describe('certificates that must vanish', () => {
  /** A bias that is added and taken away again, through an orthogonal layer. */
  const tampered = (bias: number) =>
    analyseBody([1, 6], [1, 6], (b, x) => {
      const [first, second] = [rotation(6, 1), rotation(6, 2)]
      const added = new Float32Array(6).fill(bias)
      const taken = Float32Array.from(
        { length: 6 },
        (_, i) => -bias * [0, 1, 2, 3, 4, 5].reduce((s, k) => s + second[i * 6 + k]!, 0),
      )
      return dense(b, dense(b, x, first, 6, 6, added), second, 6, 6, taken)
    })
  it('a bias of 1e6 that cancels: the bound stands, nothing is certified', async () => {
    const [plain, big] = [await tampered(0), await tampered(1e6)]
    expect(big.bounds.joint.upper).toBe(plain.bounds.joint.upper)
    expect(radiusOf(plain)).toBeGreaterThan(0.7)
    expect(radiusOf(await tampered(1e3))).toBeLessThan(radiusOf(plain))
    expect(radiusOf(big)).toBe(0)
  })
  it('a pair of neurons of +-2^30 that absorbs everything', async () => {
    const analysis = await analyseBody([1, 2], [1, 2], (b, x) => {
      const big = b.node('Add', [x, b.constant([2 ** 30])])
      return b.node('Sub', [big, b.constant([2 ** 30])])
    })
    expect(analysis.bounds.joint.upper!).toBe(1)
    expect(radiusOf(analysis)).toBe(0)
  })
  it('ties, and logits that are no numbers', async () => {
    const analysis = await analyseBody([1, 4], [1, 4], (b, x) => dense(b, x, rotation(4, 1), 4, 4))
    const certificate = (logits: number[]) => certify(analysis, { logits, inputNorm: 1, label: 0, index: 7 })
    expect(certificate([1, 1, 0, 0]).radius).toBe(0)
    expect(certificate([1, 0.5, 0, 0]).radius).toBeGreaterThan(0.3)
    expect(() => certificate([1, Number.NaN, 0, 0])).toThrow(/sample 7/)
    expect(() => certificate([1, Number.POSITIVE_INFINITY, 0, 0])).toThrow(/sample 7/)
    expect(() => certificate([1, 0])).toThrow(/2 logits where the model has 4/)
  })
  it('TF32 leaves less than float32', async () => {
    const program = programOf([1, 64], [1, 4], (b, x) =>
      dense(b, maxMin(b, dense(b, x, rotation(64, 1), 64, 64)), rotation(64, 2).subarray(0, 256), 4, 64),
    )
    const [plain, tf32] = [await analyse(program), await analyse(program, { profile: 'cuda-tf32' })]
    const radius = (analysis: Analysis) =>
      certify(analysis, { logits: [1, 0, 0, 0], inputNorm: 5, label: 0, index: 0 }).radius
    expect(radius(tf32)).toBeLessThan(0.97 * radius(plain))
  })
  it('inputs so large that something may overflow', async () => {
    const analysis = await analyseBody([1, 4], [1, 4], (b, x) => dense(b, x, rotation(4, 1), 4, 4))
    const logits = [2 ** 60, 0, 0, 0]
    expect(certify(analysis, { logits, inputNorm: 2 ** 60, label: 0, index: 0 }).radius).toBe(0)
  })
  it('powers inside a node that may overflow where its output would not', async () => {
    const through = (size: number, norm: (b: GraphBuilder, y: string) => string) =>
      analyseBody([1, 2, 4], [1, 2], (b, x) => {
        const y = norm(b, b.node('Mul', [x, b.constant([size])]))
        return b.node('Mul', [b.node('Reshape', [y, b.indices([1, 2])]), b.constant([1 / size])])
      })
    const l2 = (b: GraphBuilder, y: string) => b.node('ReduceL2', [y, b.indices([2])])
    const l8 = (b: GraphBuilder, y: string) => b.node('GlobalLpPool', [y], { p: 8 })
    const room = async (analysis: Promise<Analysis>) => (await analysis).proof!.largestNorm
    expect(await room(through(2 ** 10, l2))).toBeGreaterThan(1)
    expect(await room(through(2 ** 64, l2))).toBe(0)
    expect(await room(through(2 ** 4, l8))).toBeGreaterThan(1)
    expect(await room(through(2 ** 16, l8))).toBe(0)
  })
})

describe('heads', () => {
  it('a Softmax over the classes is stripped, one over something else is not', async () => {
    const body =
      (axis: number): Body =>
      (b, x) =>
        b.node('Softmax', [dense(b, x, rotation(4, 1), 4, 4)], { axis })
    const stripped = await analyseBody([1, 4], [1, 4], body(1))
    expect(stripped.bounds.joint.upper!).toBeGreaterThan(0.999)
    expect(stripped.logits).not.toBe(stripped.program.outputs[0]!.name)
    const kept = await analyseBody([1, 4], [1, 4], body(0))
    expect(kept.logits).toBe(kept.program.outputs[0]!.name)
  })
  it('one logit: its sign', async () => {
    const analysis = await analyseBody([1, 4], [1, 1], (b, x) => dense(b, x, [2, 0, 0, 0], 1, 4))
    const certificate = certify(analysis, { logits: [-3], inputNorm: 1, label: -1, index: 0 })
    expect(certificate).toMatchObject({ predicted: 0, margin: 3 })
    expect(certificate.radius).toBeGreaterThan(1.49)
    expect(certificate.radius).toBeLessThan(1.5)
    expect(certify(analysis, { logits: [-3], inputNorm: 1, label: 1, index: 0 }).radius).toBe(0)
  })
  it('trailing linear nodes are followed to the features', async () => {
    // Features of norm constant 1, then an average, a scale, a dense layer: pairs come from the product of the rows.
    const analysis = await analyseBody([1, 4, 4, 4], [1, 3], (b, x) => {
      const pooled = b.node('GlobalAveragePool', [b.node('Relu', [x])])
      const flat = b.node('Flatten', [b.node('Mul', [pooled, b.constant([4])])])
      return dense(b, flat, [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0], 3, 4)
    })
    // 4 / 16 in each of 16 elements: rows of norm 1.
    expect(analysis.bounds.features.upper).toBe(1)
    expect(analysis.bounds.logit.upper!).toBeCloseTo(1, 6)
    expect(analysis.bounds.pair.upper!).toBeCloseTo(Math.SQRT2, 6)
    expect(analysis.bounds.pair.upper!).toBeGreaterThanOrEqual(Math.SQRT2)
  })
})
