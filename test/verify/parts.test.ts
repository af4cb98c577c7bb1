/** The parts of `verify` one by one: what is demanded, what is covered, which rows are certified and held against float64. */
import { describe, expect, it } from 'vitest'
import { createDataset } from '../../src/data/dataset.ts'
import { evaluate } from '../../src/graph/evaluate.ts'
import { prepare } from '../../src/graph/prepare.ts'
import { type Analysis, analyse } from '../../src/lipschitz/analyse.ts'
import { certify } from '../../src/lipschitz/certify.ts'
import { vectorNormUpper } from '../../src/lipschitz/norms/index.ts'
import { GraphBuilder } from '../../src/onnx/builder.ts'
import type { Model } from '../../src/onnx/ir.ts'
import { certifySamples, conform, ledgerOfRun } from '../../src/verify/certify-samples.ts'
import { coverageOf } from '../../src/verify/coverage.ts'
import { demandsOf } from '../../src/verify/demands.ts'
import { checkRows } from '../../src/verify/row-check.ts'
import { checkCount } from '../../src/verify/samples.ts'

type Make = (b: GraphBuilder, x: string) => void
function modelOf(make: Make, dims: (string | number)[] = ['N', 2]): Model {
  const b = new GraphBuilder({ opset: 18 })
  b.opset('example', 1)
  make(b, b.input('x', dims))
  return b.build()
}

describe('demands', () => {
  it('are those of the options before those of the policy before 1 for every output', () => {
    expect(demandsOf({}, {})).toEqual({ of: 'logit', maxLipschitz: 1, policy: {} })
    const policy = { lipschitz: { of: 'pair', max: 2 }, layers: { max: 3, overrides: { a: 4 } } } as const
    expect(demandsOf({}, policy)).toEqual({ of: 'pair', maxLipschitz: 2, policy })
    expect(demandsOf({ of: 'joint', maxLipschitz: '5', maxLayer: '6' }, policy)).toEqual({
      of: 'joint',
      maxLipschitz: 5,
      policy: { ...policy, layers: { max: 6, overrides: { a: 4 } } },
    })
    expect(demandsOf({ maxLayer: 2 }, {}).policy).toEqual({ layers: { max: 2 } })
  })

  it('are decimals, rounded down however they come', () => {
    for (const maxLipschitz of ['1.1', 1.1])
      expect(demandsOf({ maxLipschitz }, {}).maxLipschitz).toBe(1.0999999999999999)
    expect(demandsOf({}, { lipschitz: { max: 1.1 } }).maxLipschitz).toBe(1.0999999999999999)
    expect(demandsOf({ maxLayer: '1.1' }, {}).policy.layers!.max).toBe(1.0999999999999999)
  })

  it.each([
    [{ maxLipschitz: 'none' }, /--max-lipschitz must be/],
    [{ maxLipschitz: Number.NaN }, /The limit must be/],
    [{ maxLipschitz: 0 }, /The limit must be/],
    [{ maxLipschitz: Number.POSITIVE_INFINITY }, /The limit must be/],
    [{ maxLayer: '-1' }, /--max-layer must be/],
  ])('that are none are refused: %o', (options, sentence) => {
    expect(() => demandsOf(options, {})).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(sentence) }),
    )
  })

  it('of samples are whole and positive', () => {
    for (const count of [undefined, 1, 7]) expect(() => checkCount('--n', count)).not.toThrow()
    for (const count of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => checkCount('--n', count)).toThrow(/--n must be a positive whole number/)
  })
})

describe('coverage', () => {
  const of = (make: Make) => coverageOf(prepare(modelOf(make), { batch: 1 }))

  it('counts all nodes where all have rules', () => {
    expect(of((b, x) => b.output(b.node('Relu', [b.node('Neg', [x])])))).toEqual({ nodes: 2, handled: 2, refused: [] })
  })

  it('counts neither what has no rule nor what needs it', () => {
    const found = of((b, x) => {
      const odd = b.node('Mystery', [b.node('Relu', [x])], {}, { name: 'odd', domain: 'example' })
      b.output(b.node('Relu', [b.node('Neg', [odd])]))
    })
    expect(found).toMatchObject({ nodes: 4, handled: 1, refused: [{ name: 'odd', op: 'Mystery' }] })
  })

  it('asks nothing of nodes that no output needs', () => {
    const found = of((b, x) => {
      b.node('Abs', [b.node('Neg', [x])])
      b.output(b.node('Relu', [x]))
    })
    expect(found).toMatchObject({ nodes: 3, handled: 3, refused: [] })
  })
})

describe('rows of a batch', () => {
  it('that are independent run 64 at a time', () => {
    expect(checkRows(modelOf((b, x) => b.output(b.node('Relu', [x]))))).toEqual({ reason: undefined, batch: 64 })
  })

  it('that are alike in twos and not in threes run alone', () => {
    const thirds: Make = (b, x) => {
      const n = b.node('Div', [b.node('Gather', [b.node('Shape', [x]), b.indices([0])]), b.indices([3])])
      b.output(b.node('Mul', [x, b.node('Add', [b.node('Cast', [n], { to: 1 }), b.constant([1])])]))
    }
    expect(checkRows(modelOf(thirds))).toMatchObject({ batch: 1, reason: expect.any(String) })
  })

  it('that a file fixes are as many as it fixes', () => {
    const relu: Make = (b, x) => b.output(b.node('Relu', [x]))
    expect(checkRows(modelOf(relu, [1, 2]))).toEqual({ reason: undefined, batch: 1 })
    expect(checkRows(modelOf(relu, [5, 2]))).toEqual({ reason: undefined, batch: 5 })
    const mixed: Make = (b, x) => b.output(b.node('Sub', [x, b.node('ReduceMean', [x, b.indices([0])])]))
    expect(checkRows(modelOf(mixed, [5, 2]))).toMatchObject({
      batch: 5,
      reason: expect.stringMatching(/not proved independent/),
    })
  })

  it('that meet, or are scaled by their number, run alone, with the reason', () => {
    const mixed: Make = (b, x) =>
      b.output(b.node('Sub', [x, b.node('ReduceMean', [x, b.indices([0])], {}, { name: 'mean' })]))
    expect(checkRows(modelOf(mixed))).toMatchObject({
      batch: 1,
      reason: expect.stringMatching(/at 'mean': ReduceMean lets rows/),
    })
    const counted: Make = (b, x) => {
      const n = b.node('Cast', [b.node('Gather', [b.node('Shape', [x]), b.indices([0])])], { to: 1 })
      b.output(b.node('Mul', [x, n]))
    }
    expect(checkRows(modelOf(counted))).toMatchObject({ batch: 1, reason: expect.any(String) })
  })

  it('of a file with a node without a rule are not judged: that is said elsewhere', () => {
    const odd: Make = (b, x) => b.output(b.node('Mystery', [x], {}, { name: 'odd', domain: 'example' }))
    expect(checkRows(modelOf(odd))).toEqual({ reason: undefined, batch: 1 })
  })
})

describe('executed rows', () => {
  const data = createDataset({
    name: 'four',
    split: 'test',
    dims: [2],
    classes: ['a', 'b'],
    images: Float32Array.of(3, 1, 0, 4, 2, 5, 7, 1),
    labels: Int32Array.of(0, 1, 0, 0),
    source: 'here',
  })
  const open = async (make: Make = (b, x) => b.output(b.node('Mul', [x, b.constant([2])]))): Promise<Analysis> =>
    analyse(prepare(modelOf(make), { batch: 1 }))
  /** What float64 gives, row by row. */
  function executedBy(analysis: Analysis, indices: readonly number[], change: (rows: Float32Array) => void = () => {}) {
    const [input] = analysis.program.inputs
    const rows = Float32Array.from(
      indices.flatMap((index) => {
        const feeds = new Map([['x', { ...input!, data: Float64Array.from(data.image(index)) }]])
        return [...evaluate(analysis.program, feeds).values()].flatMap((array) => [...array.data])
      }),
    )
    change(rows)
    return { rows, width: rows.length / indices.length }
  }

  it('are certified each with its own logits, norm and label', async () => {
    const analysis = await open()
    const indices = [1, 2, 3]
    const found = certifySamples(analysis, { data, indices }, executedBy(analysis, indices))
    expect(found).toMatchObject([
      { index: 1, label: 1, predicted: 1, margin: 8 },
      { index: 2, label: 0, predicted: 1, margin: 6, radius: 0 },
      { index: 3, label: 0, predicted: 0, margin: 12 },
    ])
    // A difference of the two moves by sqrt 8.
    expect(found[0]!.radius).toBeCloseTo(8 / Math.sqrt(8), 4)
    expect(found[2]!.radius).toBeCloseTo(12 / Math.sqrt(8), 4)
    const alone = { logits: [14, 2], inputNorm: vectorNormUpper(data.image(3)), label: 0, index: 3 }
    expect(found[2]!.radius).toBe(certify(analysis, alone).radius)
    expect(found[2]!.radius).toBeLessThan(certify(analysis, { ...alone, inputNorm: 0 }).radius)
    const ledger = ledgerOfRun(analysis, { data, indices }, executedBy(analysis, indices))
    expect(ledger.map(({ step }) => step)).toEqual(['seed', 'proved-norms', 'pair-norms', 'floating-point'])
    // Samples 1 and 3 are classified as labelled: (4 + 6) / 2, 20 / 2 over 4, and over sqrt 8.
    expect(ledger[0]!.meanRadius).toBe(5)
    expect(ledger[1]!.meanRadius).toBeCloseTo(2.5, 9)
    expect(ledger[2]!.meanRadius).toBeCloseTo(10 / Math.sqrt(8), 9)
    expect(ledger[3]!.meanRadius).toBeLessThan(ledger[2]!.meanRadius)
    const wrong = { data, indices: [2] }
    for (const { meanRadius } of ledgerOfRun(analysis, wrong, executedBy(analysis, [2]))) expect(meanRadius).toBe(0)
  })

  it('of one output count in the ledger by their sign', async () => {
    const analysis = await open((b, x) => b.output(b.node('MatMul', [x, b.initializer('w', [2, 1], [-1, 1])])))
    const indices = [0, 1, 2, 3]
    // -2, 4, 3, -6: of class 0, 1, 0 (wrong), 0.
    const ledger = ledgerOfRun(analysis, { data, indices }, executedBy(analysis, indices))
    expect(ledger[0]!.meanRadius).toBe(4)
  })

  it('with a value that is no number end the run, by name', async () => {
    const analysis = await open()
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      expect(() =>
        certifySamples(
          analysis,
          { data, indices: [0, 3] },
          executedBy(analysis, [0, 3], (rows) => (rows[3] = bad)),
        ),
      ).toThrow(expect.objectContaining({ code: 'MODEL_UNSUPPORTED', message: expect.stringMatching(/sample 3/) }))
  })

  it('are held against float64 spread evenly, and the worst is named', async () => {
    const analysis = await open()
    const indices = [0, 1, 2, 3]
    const held = (limit: number, change?: (rows: Float32Array) => void) =>
      conform(analysis, { data, indices }, executedBy(analysis, indices, change), limit)
    expect(held(4)).toEqual({ samples: 4, worstRatio: 0 })
    expect(held(99)!.samples).toBe(4)
    // Two of four: the first and the third.
    const spoil = (row: number) => (rows: Float32Array) => {
      rows[2 * row + 1]! += 0.01
    }
    expect(held(2, spoil(2))).toMatchObject({ samples: 2, worst: { index: 2, logit: 1 } })
    expect(held(2, spoil(2))!.worstRatio).toBeGreaterThan(1)
    expect(held(2, spoil(1))).toEqual({ samples: 2, worstRatio: 0 })
    expect(held(4, (rows) => (rows[2] = rows[2]! - 0.01))).toMatchObject({ worst: { index: 1, logit: 0 } })
    // Positions in the split, not in the run.
    const later = [2, 3]
    const found = conform(analysis, { data, indices: later }, executedBy(analysis, later), 2)
    expect(found).toEqual({ samples: 2, worstRatio: 0 })
    expect(held(4, (rows) => (rows[6] = Number.NaN))).toMatchObject({
      worstRatio: Number.POSITIVE_INFINITY,
      worst: { index: 3, logit: 0 },
    })
    // An ulp is within the error, and shows.
    const ulp = held(4, (rows) => (rows[0] = 6 * (1 + 2 ** -23)))!
    expect(ulp.worstRatio).toBeGreaterThan(0.01)
    expect(ulp.worst === undefined || ulp.worstRatio > 1).toBe(true)
    expect(held(0)).toBeUndefined()
  })

  it('are held against nothing where no error is proved', async () => {
    const analysis = await open((b, x) => b.output(b.node('LayerNormalization', [x, b.constant([1, 1])])))
    expect(analysis.proof).toBeDefined()
    const indices = [0, 1]
    const executed = executedBy(analysis, indices, (rows) => rows.fill(9))
    expect(conform(analysis, { data, indices }, executed, 2)).toBeUndefined()
    const refused = await open((b, x) => b.output(b.node('Mul', [x, x])))
    expect(refused.proof).toBeUndefined()
    expect(conform(refused, { data, indices }, executed, 2)).toBeUndefined()
    expect(ledgerOfRun(refused, { data, indices }, executed)).toEqual([])
  })
})
