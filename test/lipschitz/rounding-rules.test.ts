/** What single nodes round, as onnxruntime executes them, against the rules that the proof takes for it. */
import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { evaluate } from '../../src/graph/evaluate.ts'
import { prepare } from '../../src/graph/prepare.ts'
import { type RandomStream, randomStream } from '../../src/linalg/random.ts'
import { type Analysis, analyse } from '../../src/lipschitz/analyse.ts'
import { certify } from '../../src/lipschitz/certify.ts'
import { vectorNormUpper } from '../../src/lipschitz/norms/index.ts'
import { ROUNDING_PROFILES } from '../../src/lipschitz/rounding-profile.ts'
import type { BuilderAttribute, GraphBuilder } from '../../src/onnx/builder.ts'
import type { Model } from '../../src/onnx/ir.ts'
import { encodeModel } from '../../src/onnx/write.ts'
import { executedError } from '../soundness/examine.ts'
import { type Body, modelOf } from './networks.ts'

const U = 2 ** -24
const filled = (count: number, value: number): Float32Array => new Float32Array(count).fill(value)
const float = (value: number): BuilderAttribute => ({ float: value })

async function run(model: Model, x: Float32Array, dims: readonly number[]): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(encodeModel(model), {
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
  })
  const result = await session.run({ x: new ort.Tensor('float32', x, [...dims]) })
  await session.release()
  return result[session.outputNames[0]!]!.data as Float32Array
}

/** Uniform near 0, over the range where functions bend, and over many binades. */
function points(r: RandomStream, count: number, [low, high]: readonly [number, number]): Float32Array {
  return Float32Array.from({ length: count }, (_, k) => {
    const value =
      k % 4 === 0
        ? 6 * (2 * r.uniform() - 1)
        : k % 4 === 1
          ? 100 * (2 * r.uniform() - 1)
          : k % 4 === 2
            ? (2 * r.uniform() - 1) * 2 ** -r.integer(40)
            : (r.uniform() < 0.5 ? -1 : 1) * 2 ** (r.integer(100) - 50) * (1 + r.uniform())
    return Math.min(high, Math.max(low, low === 0 ? Math.abs(value) : value))
  })
}

const ALL = [-3e38, 3e38] as const
const POSITIVE = [0, 3e38] as const
type Case = readonly [
  op: string,
  attributes?: Readonly<Record<string, BuilderAttribute>>,
  domain?: readonly [number, number],
  constant?: number,
]
const ELEMENTWISE: readonly Case[] = [
  ['Tanh'],
  ['Sigmoid'],
  ['Erf'],
  ['Exp', {}, [-103, 88]],
  ['Log', {}, POSITIVE],
  ['Softplus'],
  ['Softsign'],
  ['Elu', { alpha: float(3.3) }],
  ['Celu', { alpha: float(0.01) }],
  ['Celu', { alpha: float(50) }],
  ['Selu'],
  ['Gelu'],
  ['Gelu', { approximate: 'tanh' }],
  ['Mish'],
  ['HardSwish'],
  ['HardSigmoid', { alpha: float(3), beta: float(-7.7) }],
  ['LeakyRelu', { alpha: float(0.3) }],
  ['Shrink', { lambd: float(0.5), bias: float(0.5) }],
  ['Sin', {}, [-100, 100]],
  ['Cos', {}, [-100, 100]],
  ['Atan'],
  ['Sqrt', {}, POSITIVE],
  ['Reciprocal'],
  ['Pow', {}, [0, 1e15], 2],
  ['Pow', {}, [0, 1e12], 3],
  ['Pow', {}, POSITIVE, 0.5],
  ['Pow', {}, [1e-10, 1e10], -1.5],
  ['Mul', {}, ALL, 1.2345e-5],
  ['Div', {}, ALL, 3.3],
  ['Add', {}, ALL, 1e6],
  ['Sub', {}, ALL, 1e6],
]

describe('element by element, onnxruntime stays within the rule of the room', () => {
  it.each(ELEMENTWISE.map((one) => ({ name: `${one[0]} ${JSON.stringify(one.slice(1))}`, one })))(
    '$name',
    async ({ one }) => {
      const [op, attributes = {}, domain = ALL, constant] = one
      const count = 20_000
      const dims = [1, count]
      const body: Body = (b, x) =>
        b.node(op, constant === undefined ? [x] : [x, b.initializer('c', [1], [constant])], attributes)
      const model = modelOf(dims, dims, body, 20)
      const { site, operator } = prepare(model, { batch: 1 }).nodes.at(-1)!
      const x = points(randomStream(0x5eed, op.length), count, domain)
      const feeds = site.inputs.map((input) => input?.constant ?? { ...input!, data: Float64Array.from(x) })
      const exact = operator.evaluate(site, feeds)[0]!.data
      const rule = operator.rounding(site)
      if (rule.kind !== 'relative' && rule.kind !== 'absolute') throw new Error(`${op} has the rule ${rule.kind}`)
      const executed = await run(model, x, dims)
      let [worst, errors] = [0, 0]
      exact.forEach((y, k) => {
        const off = Math.abs(executed[k]! - y)
        if (off === 0 || Math.abs(y) > 3.4e38) return
        errors++
        const allowed =
          rule.kind === 'absolute'
            ? rule.error
            : rule.ulps * U * Math.abs(y) +
              (rule.inputUlps ?? 0) * U * Math.abs(x[k]!) +
              (rule.absolute ?? 0) +
              2 * 2 ** -126
        const ratio = off / allowed
        if (!(ratio <= worst)) worst = ratio
      })
      expect(worst).toBeLessThanOrEqual(1)
      expect(errors).toBeGreaterThan(count / 500)
    },
  )
})

describe('what leaves the normal range inside a node', () => {
  const analysed = async (dims: readonly number[], out: readonly number[], body: Body) => {
    const model = modelOf(dims, out, body, 20)
    return { model, analysis: await analyse(prepare(model, { batch: 1 })) }
  }
  /** Bound of the output's error for inputs of this norm. */
  const allowed = ({ proof, logits }: Analysis, norm: number): number => {
    const { constant, slope } = proof!.errors.of(logits!)
    return constant + slope * norm
  }
  const weights = (b: GraphBuilder, dims: readonly number[], value: number): string =>
    b.initializer(
      'w',
      dims,
      filled(
        dims.reduce((p, d) => p * d, 1),
        value,
      ),
    )

  it('sums that underflow before Gemm multiplies them by alpha', async () => {
    const body: Body = (b, x) => b.node('Gemm', [x, weights(b, [4, 2], 1.5 * 2 ** -75)], { alpha: float(2 ** 100) })
    const { model, analysis } = await analysed([1, 4], [1, 2], body)
    const x = filled(4, 2 ** -74)
    const [y] = await run(model, x, [1, 4])
    // 6 2^-49 in real arithmetic; each product rounds to a multiple of 2^-149 first.
    expect(Math.abs(y! - 6 * 2 ** -49)).toBeGreaterThan(2 ** -50)
    expect(await executedError(model, analysis, [x])).toBeLessThanOrEqual(1)
    expect(analysis.proof!.logitErrors.single(0).constant).toBeGreaterThan(2 ** -50)
  })

  it('a summand of Gemm that is subnormal before beta', async () => {
    const body: Body = (b, x) =>
      b.node('Gemm', [x, weights(b, [4, 2], 1), b.initializer('c', [2], [2 ** -130, 2 ** -140])], {
        beta: float(2 ** 110),
      })
    const { analysis } = await analysed([1, 4], [1, 2], body)
    expect(allowed(analysis, 0)).toBeGreaterThan(2 ** -20)
    expect(analysis.proof!.logitErrors.single(0).constant).toBeGreaterThan(2 ** -20)
  })

  it('sums that overflow before Gemm multiplies them by alpha', async () => {
    const body: Body = (b, x) => b.node('Gemm', [x, weights(b, [4, 2], 2 ** 120)], { alpha: float(2 ** -120) })
    const { model, analysis } = await analysed([1, 4], [1, 2], body)
    const x = filled(4, 2 ** 8)
    expect(await run(model, x, [1, 4])).toContain(Number.POSITIVE_INFINITY)
    expect(analysis.proof!.largestNorm).toBeLessThan(vectorNormUpper(x))
  })

  it('a factor alpha of 0 certifies nothing, and one of 1/2 loses nothing', async () => {
    const of = async (alpha: number) =>
      (await analysed([1, 4], [1, 2], (b, x) => b.node('Gemm', [x, weights(b, [4, 2], 1)], { alpha: float(alpha) })))
        .analysis.proof!
    expect((await of(0)).largestNorm).toBe(0)
    expect((await of(2 ** -127)).largestNorm).toBe(0)
    expect((await of(0.5)).largestNorm).toBe(2 ** 40)
  })

  it('partial products of three factors', async () => {
    const body: Body = (b, x) =>
      b.node('Einsum', [x, weights(b, [20, 3], 1e-25), b.initializer('v', [3, 4], filled(12, 1e25))], {
        equation: 'ni,ij,jk->nk',
      })
    const { model, analysis } = await analysed([1, 20], [1, 4], body)
    expect(await executedError(model, analysis, [filled(20, 1e-20)])).toBeLessThanOrEqual(1)
    expect(allowed(analysis, 1)).toBe(Number.POSITIVE_INFINITY)
  })

  it("LRN's running sum of squares, which cancels behind a large channel", async () => {
    const body: Body = (b, x) => b.node('LRN', [x], { size: 3, alpha: float(1), beta: float(0.75), bias: float(1) })
    const { model, analysis } = await analysed([1, 5, 1, 1], [1, 5, 1, 1], body)
    const x = Float32Array.of(1e4, 0, 0, 1, 0)
    const feeds = new Map([['x', { ...analysis.program.inputs[0]!, data: Float64Array.from(x) }]])
    const exact = evaluate(analysis.program, feeds, [analysis.logits!]).get(analysis.logits!)!.data
    expect(Math.abs((await run(model, x, [1, 5, 1, 1]))[3]! - exact[3]!)).toBeGreaterThan(0.05)
    expect(await executedError(model, analysis, [x])).toBeLessThanOrEqual(1)
    expect(allowed(analysis, 1)).toBe(Number.POSITIVE_INFINITY)
  })

  it.each<readonly [string, number, Body]>([
    ['Mul', 2 ** 20, (b, x) => b.node('Mul', [b.node('Mul', [x, weights(b, [4], 2 ** -130)]), b.constant([2 ** 100])])],
    [
      'Concat',
      0,
      (b, x) =>
        b.node('Mul', [
          b.node('Concat', [b.node('Mul', [x, b.constant([2 ** -100])]), weights(b, [1, 10_000], 2 ** -127)], {
            axis: 1,
          }),
          b.constant([2 ** 100]),
        ]),
    ],
    [
      'Max',
      0,
      (b, x) =>
        b.node('Mul', [
          b.node('Max', [
            b.node('ReduceMax', [b.node('Mul', [x, b.constant([-(2 ** -100)])]), b.indices([1])]),
            weights(b, [1, 10_000], 2 ** -127),
          ]),
          b.constant([2 ** 100]),
        ]),
    ],
    [
      'Clip',
      0,
      (b, x) =>
        b.node('Mul', [
          b.node('Clip', [b.node('Mul', [x, b.constant([2 ** -100])]), b.constant([2 ** -127])]),
          b.constant([2 ** 100]),
        ]),
    ],
  ])('a subnormal number of the file that is read as 0: %s', async (op, at, body) => {
    const { analysis } = await analysed([1, 4], [], body)
    const { program, proof, logits } = analysis
    const feeds = new Map([['x', { ...program.inputs[0]!, data: new Float64Array(4).fill(-at) }]])
    const y = evaluate(program, feeds, [logits!]).get(logits!)!.data
    // All of the output that comes from that number goes.
    const lost = vectorNormUpper(y) * (op === 'Mul' ? 1 : 0.99)
    expect(lost).toBeGreaterThan(2 ** -28)
    expect(proof!.errors.of(logits!).constant + proof!.errors.of(logits!).slope * 2 * at).toBeGreaterThanOrEqual(lost)
  })

  it('a divisor that is read as 0 leaves no certificate', async () => {
    const body: Body = (b, x) => b.node('Div', [b.node('Mul', [x, b.constant([2 ** -100])]), b.constant([2 ** -127])])
    const { analysis } = await analysed([1, 4], [1, 4], body)
    const sample = { logits: [3, 1, 0, 0], inputNorm: 1, label: 0, index: 0 }
    expect(certify(analysis, sample).radius).toBe(0)
  })

  it('a constant that the file computes from a subnormal number is not known', async () => {
    const body: Body = (b, x) => b.node('Mul', [x, b.node('Mul', [b.constant([2 ** -130]), b.constant([2 ** 120])])])
    const { analysis } = await analysed([1, 4], [1, 4], body)
    expect(analysis.proof === undefined || allowed(analysis, 1) === Number.POSITIVE_INFINITY).toBe(true)
  })

  it('a deviation of BatchNormalization that is read as 0, or a mean that is far in its units', async () => {
    const of = async (mean: number, variance: number) => {
      const body: Body = (b, x) =>
        b.node(
          'BatchNormalization',
          [x, ...[2 ** -60, 0, mean, variance].map((v, k) => b.initializer(`p${k}`, [1], [v]))],
          { epsilon: float(0) },
        )
      return allowed((await analysed([1, 1, 2, 2], [1, 1, 2, 2], body)).analysis, 1)
    }
    expect(await of(1, 1)).toBeLessThan(1e-20)
    expect(await of(2 ** 61, 1)).toBe(Number.POSITIVE_INFINITY)
    expect(await of(0, 2 ** -127)).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('profiles', () => {
  it('a division of WGSL has 5 u, a square root 9 u, and both may stand in one node', () => {
    const { elementwise, dot } = ROUNDING_PROFILES['webgpu-f32']!
    expect(elementwise).toBeGreaterThanOrEqual(9)
    // y = x (s / sqrt(v + e)) + c: 1 + 9 + 5 + 1 + 1, with the 8 terms that the room gives.
    expect(dot(8)).toBeGreaterThanOrEqual(17 * U)
  })

  it('constants that the file computes are further off where single operations are', async () => {
    const model = modelOf([1, 4], [1, 2], (b, x) =>
      b.node('MatMul', [x, b.node('Div', [b.initializer('w', [4, 2], filled(8, 1)), b.constant([3])])]),
    )
    const error = async (profile: string) => {
      const { proof, logits } = await analyse(prepare(model, { batch: 1 }), { profile })
      return proof!.errors.of(logits!).slope
    }
    const sums = (profile: string) => ROUNDING_PROFILES[profile]!.dot(4)
    const [cpu, gpu] = [await error('f32-any-order'), await error('webgpu-f32')]
    // |W| = sqrt(8) / 3.
    expect((gpu - cpu) / (Math.sqrt(8) / 3)).toBeGreaterThan(9 * U + sums('webgpu-f32') - sums('f32-any-order') - 1e-9)
  })
})
