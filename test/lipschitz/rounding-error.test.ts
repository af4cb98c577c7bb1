/**
 * The recursion of docs/soundness.md 10.2 and 10.3 against answers by hand: what onnxruntime does stays so far within the bounds that a
 * term that is left out would not show there.
 */
import { describe, expect, it } from 'vitest'
import { prepare } from '../../src/graph/prepare.ts'
import { type AnalyseOptions, type Analysis, analyse, type Proof } from '../../src/lipschitz/analyse.ts'
import { certify, stepsOf } from '../../src/lipschitz/certify.ts'
import { createLogitErrors } from '../../src/lipschitz/logit-errors.ts'
import { boundOutputs } from '../../src/lipschitz/output-bounds.ts'
import { type ErrorForm, plus, scaled } from '../../src/lipschitz/rounding-error.ts'
import type { BuilderAttribute, GraphBuilder } from '../../src/onnx/builder.ts'
import { type Body, conv, dense, maxMin, modelOf, rotation } from './networks.ts'

const U = 2 ** -24
const TINY = 2 ** -126
/** g(k + 3), as the profile has it for a sum of k products. */
const g = (terms: number): number => ((terms + 3) * U) / (1 - (terms + 3) * U)
const form = (constant: number, slope: number): ErrorForm => ({ constant, slope })
const float = (value: number): BuilderAttribute => ({ float: value })

async function proofOf(
  input: readonly number[],
  body: Body,
  profile?: AnalyseOptions['profile'],
): Promise<Proof & { readonly logits: string }> {
  const program = prepare(modelOf(input, [], body, 20), { batch: 1 })
  const { proof, logits } = await analyse(program, profile === undefined ? {} : { profile })
  return { ...proof!, logits: logits! }
}
async function errorOf(input: readonly number[], body: Body, profile?: string): Promise<ErrorForm> {
  const { errors, logits } = await proofOf(input, body, profile)
  return errors.of(logits)
}
/** Equal but for the slack of the code, which is on the side that costs. */
function expectForm(found: ErrorForm, { constant, slope }: ErrorForm): void {
  for (const [value, answer] of [
    [found.constant, constant],
    [found.slope, slope],
  ] as const) {
    expect(value).toBeGreaterThanOrEqual(answer * (1 - 1e-9))
    expect(value).toBeLessThanOrEqual(answer * (1 + 2e-4) + Number.MIN_VALUE)
  }
}

describe('sums of forms', () => {
  it('add and scale both parts', () => {
    expect(plus(form(1, 2), form(10, 20), form(100, 200))).toEqual(form(111, 222))
    expect(scaled(form(3, 5), 7)).toEqual(form(21, 35))
    // What does not enter does not matter, even where it is not known.
    expect(scaled(form(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY), 0)).toEqual(form(0, 0))
  })
})

describe('one node', () => {
  // All four elements of an input of norm R; a matrix [[1, 1], [1, -1]] has the norm sqrt 2, with absolute entries 2.
  const hadamard = [1, 1, 1, -1]

  it('Gemm: the products in absolute value, the bias, and the flushed input through the norm', async () => {
    const found = await errorOf([1, 2], (b, x) => dense(b, x, hadamard, 2, 2, [3, 4]))
    const grow = g(3)
    const input = TINY * Math.SQRT2
    const flushed = (2 * 3 + 2) * TINY * Math.SQRT2
    expectForm(found, form(grow * 5 + Math.SQRT2 * input + flushed * (1 + 5), grow * 2 + flushed * 3))
  })

  it('without a bias nothing but the underflow is constant', async () => {
    const found = await errorOf([1, 2], (b, x) => dense(b, x, hadamard, 2, 2))
    const flushed = (2 * 2 + 2) * TINY * Math.SQRT2
    const input = TINY * Math.SQRT2
    expectForm(found, form(Math.SQRT2 * input + g(2) * 2 * input + flushed * (1 + 3 * input), g(2) * 2 + flushed * 3))
  })

  it('Conv: a bias at every position', async () => {
    const found = await errorOf([1, 1, 2, 2], (b, x) => conv(b, x, [1, 1], [2, 1, 1, 1], {}, [3, 4]))
    // Two maps of four positions; |T| = sqrt 2.
    expect(found.constant / (g(2) * 10)).toBeCloseTo(1, 3)
    expect(found.slope / (g(2) * Math.SQRT2)).toBeCloseTo(1, 3)
  })

  it('alpha and beta of Gemm cost a rounding each, and what underflows before them is magnified', async () => {
    const body =
      (alpha: number, beta: number): Body =>
      (b, x) =>
        b.node('Gemm', [x, b.initializer('w', [2, 2], hadamard), b.initializer('c', [2], [3, 4])], {
          alpha: float(alpha),
          beta: float(beta),
        })
    const plain = await errorOf([1, 2], body(1, 1))
    const alpha = await errorOf([1, 2], body(2, 1))
    const both = await errorOf([1, 2], body(2, 4))
    expect(plain.slope / (g(3) * 2)).toBeCloseTo(1, 3)
    expect(alpha.slope / (g(4) * 4)).toBeCloseTo(1, 3)
    expect(both.slope / (g(5) * 4)).toBeCloseTo(1, 3)
    expect(both.constant / (g(5) * 20)).toBeCloseTo(1, 3)
    const small = async (a: number) =>
      (
        await errorOf([1, 2], (b, x) =>
          b.node(
            'Gemm',
            [
              x,
              b.initializer(
                'w',
                [2, 2],
                hadamard.map((w) => w * 2 ** -100),
              ),
            ],
            { alpha: float(a) },
          ),
        )
      ).constant
    expect((await small(2 ** 110)) / (await small(1))).toBeGreaterThan(2 ** 109)
  })

  it('Mul: one rounding of the result', async () => {
    expectForm(
      await errorOf([1, 4], (b, x) => b.node('Mul', [x, b.constant([3])])),
      form(3 * 2 * TINY + 2 * TINY * 2, 3 * U),
    )
  })

  it('Add: what is added rounds as well', async () => {
    const found = await errorOf([1, 4], (b, x) => b.node('Add', [x, b.initializer('c', [1, 4], [1, 2, 2, 4])]))
    expectForm(found, form(5 * U, U))
  })

  it('Sigmoid: so much of 1 in every element, and a quarter of the error before', async () => {
    const found = await errorOf([1, 9], (b, x) => b.node('Sigmoid', [b.node('Mul', [x, b.constant([8])])]))
    expectForm(found, form(3 * 16 * U, (8 * U) / 4))
  })

  it('Gelu: of the input, too', async () => {
    const found = await errorOf([1, 4], (b, x) => b.node('Gelu', [x]))
    expectForm(found, form(found.constant, (16 + 4 * 1.12890414519) * U))
    expect(found.constant).toBeLessThan(1e-30)
    expect(found.constant).toBeGreaterThan(TINY)
  })

  it('Celu: of the result, and of alpha', async () => {
    const found = await errorOf([1, 4], (b, x) => b.node('Celu', [x], { alpha: float(2) }))
    expectForm(found, form(2 * 40 * U, 2 * U))
  })

  it('Relu, Transpose and Slice: nothing', async () => {
    const input = TINY * 2
    for (const body of [
      (b, x) => b.node('Relu', [x]),
      (b, x) => b.node('Transpose', [x]),
      (b, x) => b.node('Neg', [x]),
    ] satisfies Body[]) {
      const found = await errorOf([1, 4], body)
      expect(found.slope).toBe(0)
      expectForm(found, form(input, 0))
    }
  })

  it('a node without a rule: everything', async () => {
    const found = await errorOf([1, 4], (b, x) =>
      b.node('LayerNormalization', [x, b.initializer('s', [4], [1, 1, 1, 1])]),
    )
    expect(found).toEqual(form(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY))
  })

  it('a constant that the file computes: once as the file means it and once as it is executed', async () => {
    const weights: Body = (b, x) => {
      const w = b.node('Div', [b.initializer('w', [2, 2], hadamard), b.constant([3])])
      return b.node('Gemm', [x, w, b.node('Div', [b.initializer('c', [2], [3, 4]), b.constant([3])])])
    }
    const found = await errorOf([1, 2], weights)
    // Each is off by u twice; the products have the norm 2 / 3 and the bias 5 / 3.
    expect(found.slope / ((2 / 3) * (g(3) + 2 * U))).toBeCloseTo(1, 3)
    expect(found.constant / ((5 / 3) * (g(3) + 2 * U))).toBeCloseTo(1, 3)
  })

  it('constants that cancel in a sum of many still round', async () => {
    const found = await errorOf([1, 4], (b, x) =>
      b.node('Sum', [
        x,
        b.node('Relu', [x]),
        b.initializer('p', [1, 4], [8, 8, 8, 8]),
        b.initializer('m', [1, 4], [-8, -8, -8, -8]),
      ]),
    )
    expect(found.constant / (g(5) * 32)).toBeCloseTo(1, 3)
  })

  it('BatchNormalization: bias and mean count apart', async () => {
    const found = await errorOf([1, 1, 2, 2], (b, x) =>
      b.node('BatchNormalization', [x, ...[2, 3, 1.5, 1].map((v, k) => b.initializer(`p${k}`, [1], [v]))], {
        epsilon: float(0),
      }),
    )
    // s = 2; B - mean s = 0 at every position, and |B| + |mean s| = 6.
    expect(found.constant / (g(8) * 12)).toBeCloseTo(1, 3)
    expect(found.slope / (g(8) * 2)).toBeCloseTo(1, 3)
  })
})

describe('several nodes', () => {
  it('errors travel with the norm, and each node rounds at inputs as executed', async () => {
    const { errors, logits, logitErrors } = await proofOf([1, 2], (b, x) => {
      const first = b.node('Relu', [dense(b, x, [2, 0, 0, 2], 2, 2, [30, 40])])
      return dense(b, first, [1, 1, 1, -1], 2, 2, [5, 12])
    })
    const e1 = form(g(3) * 50, g(3) * 2)
    // |h| <= 50 + 2 R, and |W| = sqrt 2, || |W| || = 2, |b| = 13.
    const e2 = form(
      Math.SQRT2 * e1.constant + g(3) * (2 * (50 + e1.constant) + 13),
      Math.SQRT2 * e1.slope + g(3) * 2 * (2 + e1.slope),
    )
    expectForm(errors.of(logits), e2)
    expectForm(errors.norm(logits), form(Math.hypot(75, 2), 2 * Math.SQRT2))
    // One output: its row has the norm sqrt 2 before and in the last sum; then its own bias.
    const row = Math.SQRT2
    const single = (bias: number) =>
      form(row * e1.constant + g(3) * (row * (50 + e1.constant) + bias), row * e1.slope + g(3) * row * (2 + e1.slope))
    expectForm(logitErrors.single(0), single(5))
    expectForm(logitErrors.single(1), single(12))
    // The difference of the rows is (0, 2); both outputs round.
    const last = (bias: number) => form(g(3) * (row * (50 + e1.constant) + bias), g(3) * row * (2 + e1.slope))
    expectForm(logitErrors.pair(0, 1), plus(scaled(e1, 2), last(5), last(12)))
    expect(logitErrors.pair(1, 0)).toEqual(logitErrors.pair(0, 1))
  })

  it('the last sum costs a single output no more than all of them', async () => {
    // One row carries all the weight; a sum over 1,000 outputs costs each no more than its own share.
    const { errors, logits, logitErrors } = await proofOf([1, 2], (b, x) =>
      dense(b, b.node('Relu', [x]), [1000, 0, ...new Array(18).fill(1)], 10, 2),
    )
    expect(logitErrors.single(3).slope).toBeLessThan(errors.of(logits).slope / 300)
    expect(logitErrors.single(0).slope).toBeGreaterThan(1000 * g(2))
  })

  it('a residual sum adds the errors of both ways', async () => {
    const found = await errorOf([1, 2], (b, x) => {
      const y = dense(b, x, [3, 0, 0, 3], 2, 2, [0, 0])
      return b.node('Add', [y, b.node('Relu', [dense(b, x, [5, 0, 0, 5], 2, 2, [0, 0])])])
    })
    expect(found.slope / (g(3) * 8 + U * 8)).toBeCloseTo(1, 3)
  })

  it('inside a region the roundings of a chain add up once', async () => {
    const found = await errorOf([1, 4], (b, x) => {
      let y = x
      for (const factor of [3, 1 / 3, 5]) y = b.node('Mul', [y, b.constant([factor])])
      return b.node('Relu', [y])
    })
    expect(found.slope / (5 * 3 * U)).toBeCloseTo(1, 3)
  })

  it('a region costs what its elements round, not what its nodes do one by one', async () => {
    const found = await errorOf([1, 4], (b, x) => maxMin(b, maxMin(b, maxMin(b, b.node('Mul', [x, b.constant([3])])))))
    expect(found.slope / (3 * U)).toBeCloseTo(1, 3)
  })

  it('an absolute error inside a region counts for every element', async () => {
    const found = await errorOf([1, 4], (b, x) => b.node('Relu', [b.node('HardSigmoid', [x])]))
    expect(found.constant / (2 * 8 * U)).toBeCloseTo(1, 3)
  })

  it('sums of constants that no closed form knows cost everything', async () => {
    const sum: Body = (b, x) =>
      b.node('Sum', [x, b.initializer('p', [1, 4], [8, 8, 8, 8]), b.initializer('m', [1, 4], [-8, -8, -8, -8])])
    expect((await errorOf([1, 4], sum)).constant).toBe(Number.POSITIVE_INFINITY)
    const { logitErrors } = await proofOf([1, 4], (b, x) => sum(b, dense(b, x, rotation(4, 1), 4, 4)))
    expect(logitErrors.single(0).constant).toBe(Number.POSITIVE_INFINITY)
  })

  // Arithmetic so coarse that the rounding of what was rounded shows.
  const COARSE = { name: 'coarse', elementwise: 2 ** 20, dot: () => 0.25 }
  const lost: Body = (b, x) => b.node('Sub', [b.node('Add', [x, b.constant([2 ** 10])]), b.constant([2 ** 10])])

  it('a node rounds what arrives, errors and all', async () => {
    const { errors, logits, trailing } = await proofOf(
      [1, 4],
      (b, x) => dense(b, lost(b, x), rotation(4, 1), 4, 4),
      COARSE,
    )
    const { slope, constant } = errors.of(trailing.nodes.at(-1)!.site.inputs[0]!.name)
    const own = errors.byNode(logits)
    // |W| = 1, || |W| || = 1.95, |h(0)| = 0: all of the constant part is the error that arrives.
    expect(own.constant).toBeGreaterThan(0.25 * constant)
    expect(own.slope).toBeGreaterThan(0.25 * (1 + slope))
    const region = await proofOf(
      [1, 4],
      (b, x) => b.node('Relu', [b.node('Mul', [dense(b, x, rotation(4, 1), 4, 4, [3, 4, 0, 0]), b.constant([2])])]),
      COARSE,
    )
    const [base] = region.network.symbolic.bases.slice(1)
    const e = region.errors.of(base!)
    // 2 e, and 2^-4 of 2 (|h| + e).
    expect(region.errors.of(region.logits).slope / (2 * e.slope + (2 * (1 + e.slope)) / 16)).toBeCloseTo(1, 3)
    expect(region.errors.of(region.logits).constant / (2 * e.constant + (10 + 2 * e.constant) / 16)).toBeCloseTo(1, 1)
    const mul = region.network.program.nodes.find(({ site }) => site.node.op === 'Mul')!.site.outputs[0]!.name
    expect(region.errors.byNode(mul).slope / ((2 * (1 + e.slope)) / 16)).toBeCloseTo(1, 3)
  })

  it('a constant that the file computes costs a single node, too', async () => {
    const { errors, logits } = await proofOf([1, 4], (b, x) =>
      b.node('Mul', [x, b.node('Div', [b.constant([1]), b.constant([3])])]),
    )
    expect(errors.byNode(logits).slope / ((1 / 3) * 3 * U)).toBeCloseTo(1, 3)
    const last = await proofOf([1, 4], (b, x) =>
      b.node('MatMul', [
        b.node('Relu', [x]),
        b.node('Div', [b.initializer('w', [4, 2], [3, 0, 0, 0, 4, 0, 0, 1]), b.constant([3])]),
      ]),
    )
    expect(last.logitErrors.single(0).slope).toBeGreaterThan((5 / 3) * (g(4) + 2 * U) * 0.999)
  })

  it('what arrives at a gate travels with its slope, and its own underflow counts', async () => {
    const silu: Body = (b, x) => b.node('Mul', [x, b.node('Sigmoid', [x])])
    const shifted = (b: GraphBuilder, x: string) =>
      b.node('Sub', [b.node('Add', [x, b.constant([2 ** 30])]), b.constant([2 ** 30])])
    const arriving = await errorOf([1, 4], shifted)
    const found = await errorOf([1, 4], (b, x) => silu(b, shifted(b, x)))
    expect(found.constant / arriving.constant).toBeGreaterThan(1.09)
    expect(found.constant / arriving.constant).toBeLessThan(1.11)
    expect((await errorOf([1, 4], silu)).constant).toBeGreaterThan(100 * TINY)
  })

  it('what a node inside the last segment rounds goes through the rows behind it', async () => {
    const { errors, logits, logitErrors, trailing } = await proofOf([1, 2], (b, x) =>
      dense(b, dense(b, b.node('Relu', [x]), [1, 0, 0, 1], 2, 2, [300, 400]), [2, 0, 0, 1], 2, 2, [0, 0]),
    )
    const inner = trailing.nodes[0]!.site.outputs[0]!.name
    expect(inner).not.toBe(logits)
    const own = g(3) * 500
    expect(errors.byNode(inner).constant / own).toBeCloseTo(1, 3)
    // Row 0 is (2, 0): twice what the inner sum rounds, and as much of its own sum.
    expect(logitErrors.single(0).constant / (2 * own + g(3) * 2 * 500)).toBeCloseTo(1, 3)
  })

  it('of outputs that no linear node makes a difference costs sqrt 2 of all', async () => {
    const { errors, logits, logitErrors } = await proofOf([1, 2], (b, x) =>
      b.node('Relu', [dense(b, x, [1, 0, 0, 1], 2, 2, [3, 4])]),
    )
    const whole = errors.of(logits)
    expectForm(logitErrors.single(1), whole)
    expectForm(logitErrors.pair(0, 1), scaled(whole, Math.SQRT2))
    const one = await proofOf([1, 2], (b, x) => b.node('Relu', [dense(b, x, [1, 1], 1, 2, [3])]))
    expectForm(one.logitErrors.pair(0, 0), one.errors.of(one.logits))
  })

  it('a profile with larger errors multiplies them', async () => {
    const body: Body = (b, x) => b.node('Sigmoid', [b.node('Mul', [x, b.constant([8])])])
    const [cpu, cuda] = [await errorOf([1, 9], body), await errorOf([1, 9], body, 'cuda-f32')]
    expect(cuda.slope / cpu.slope).toBeCloseTo(2, 6)
    expect(cuda.constant / cpu.constant).toBeCloseTo(2, 6)
    const gelu: Body = (b, x) => b.node('Gelu', [x])
    expect((await errorOf([1, 4], gelu, 'cuda-f32')).slope / (await errorOf([1, 4], gelu)).slope).toBeCloseTo(2, 6)
    const celu: Body = (b, x) => b.node('Celu', [x])
    expect((await errorOf([1, 4], celu, 'cuda-f32')).constant / (await errorOf([1, 4], celu)).constant).toBeCloseTo(
      2,
      6,
    )
  })

  it('a gated activation by hand', async () => {
    const { errors, logits } = await proofOf([1, 4], (b, x) => {
      const y = b.node('Mul', [x, b.constant([2])])
      return b.node('Mul', [y, b.node('Sigmoid', [y])])
    })
    const { slope, constant } = errors.of(logits)
    // 16 u of the sigmoid and 2 of the products on an input of norm 2 R, after a Mul whose rounding travels with 1.1.
    expect(slope).toBeGreaterThan(2 * 17 * U)
    expect(slope).toBeLessThan(2 * 26 * U)
    expect(constant).toBeGreaterThan(8 * TINY)
  })
})

describe('errors of rows', () => {
  const network = (last = [1, 1, 1, -1]) =>
    proofOf([1, 2], (b, x) =>
      dense(b, b.node('Relu', [dense(b, x, [2, 0, 0, 2], 2, 2, [30, 40])]), last, 2, 2, [5, 12]),
    )

  it('are paid in outputs, in differences and in the last sum', async () => {
    const { network: net, errors, trailing, logitErrors } = await network()
    const off = 0.25
    const rowErrors = new Map([...trailing.rows.keys()].map((name) => [name, off]))
    const found = createLogitErrors(net, errors, { ...trailing, rowErrors })
    const e1 = errors.of(trailing.features)
    const arriving = plus(errors.norm(trailing.features), e1)
    const single = plus(logitErrors.single(0), scaled(e1, 2 * off), scaled(arriving, off * g(3)))
    expectForm(found.single(0), single)
    const pair = plus(logitErrors.pair(0, 1), scaled(e1, 2 * off), scaled(arriving, 2 * off * g(3)))
    expectForm(found.pair(0, 1), pair)
  })

  it('are paid in the bounds of outputs, of differences and of all together', async () => {
    const { network: net, constants, trailing, outputs } = await network([1, 1, 5, -5])
    const off = 0.25
    const found = boundOutputs(net, constants, { ...trailing, rowError: off })
    const features = constants.of(trailing.features)
    expect(found.logits[0]! / (outputs.logits[0]! + off * features)).toBeCloseTo(1, 9)
    expect(found.pair(0, 1) / (outputs.pair(0, 1) + 2 * off * features)).toBeCloseTo(1, 9)
    // The bound of the node itself needs no rows.
    expect(found.joint).toBe(outputs.joint)
    expect(outputs.pair(0, 1) / (2 * Math.hypot(4, 6))).toBeCloseTo(1, 9)
    expect(outputs.largestPair).toBe(outputs.pair(0, 1))
  })

  it('the largest difference is that of all pairs', async () => {
    const { outputs } = await proofOf([1, 2], (b, x) => dense(b, b.node('Relu', [x]), [3, 0, -3, 0, 0, 1], 3, 2))
    expect(outputs.pair(0, 1)).toBeCloseTo(6, 9)
    expect(outputs.pair(2, 1)).toBeCloseTo(Math.hypot(3, 1), 9)
    expect(outputs.largestPair).toBe(outputs.pair(0, 1))
  })
})

describe('the largest norm that cannot overflow', () => {
  const room = async (input: readonly number[], body: Body): Promise<number> => (await proofOf(input, body)).largestNorm
  const times =
    (factor: number): Body =>
    (b, x) =>
      b.node('Mul', [x, b.constant([factor])])

  it.each([
    [1, 40],
    [2 ** 18.9, 40],
    [2 ** 19, 30],
    [2 ** 28.9, 30],
    [2 ** 29, 20],
    [2 ** 38.9, 20],
    [2 ** 39, 10],
    [2 ** 48.9, 10],
    [2 ** 49, 5],
    [2 ** 53.9, 5],
    [2 ** 54, 0],
    [2 ** 58.9, 0],
  ])('leaves every element below 2^59: a factor of %d allows 2^%i', async (factor, power) => {
    expect(await room([1, 4], times(factor))).toBe(2 ** power)
  })

  it('is 0 where not even an input of norm 1 is safe', async () => {
    expect(await room([1, 4], times(2 ** 60))).toBe(0)
    expect(await room([1, 4], (b, x) => b.node('Add', [x, b.constant([2 ** 61])]))).toBe(0)
  })

  it('looks at products, not at sums only', async () => {
    const of = (s: number) => room([1, 2], (b, x) => dense(b, x, [s, s, s, -s], 2, 2))
    // |W| = sqrt 2 s, || |W| || = 2 s.
    expect(await of(2 ** 18.9)).toBe(2 ** 40)
    expect(await of(2 ** 19.3)).toBe(2 ** 30)
  })

  it('looks at every tensor', async () => {
    expect(await room([1, 4], (b, x) => times(2 ** -30)(b, times(2 ** 30)(b, x)))).toBe(2 ** 20)
    const sigmoid: Body = (b, x) => b.node('Sigmoid', [times(2 ** 30)(b, x)])
    expect(await room([1, 4], sigmoid)).toBe(2 ** 20)
  })

  it('looks at tensors that no region and no sum makes', async () => {
    expect(await room([1, 4], (b, x) => b.node('Selu', [x], { gamma: float(2 ** 30), alpha: float(1) }))).toBe(2 ** 20)
  })

  it('looks at constants among what a region chooses from, and takes roots where they are taken', async () => {
    expect(await room([1, 4], (b, x) => b.node('Max', [x, b.constant([2 ** 61])]))).toBe(0)
    const norm: Body = (b, x) => {
      const sum = b.node('ReduceSum', [b.node('Mul', [x, x]), b.indices([1])])
      return b.node('Mul', [b.node('Sqrt', [sum]), b.constant([2 ** 30])])
    }
    expect(await room([1, 4], norm)).toBe(2 ** 20)
  })

  it('looks at powers inside a node and inside a gate', async () => {
    const pool = (p: number) => room([1, 1, 2, 2], (b, x) => b.node('GlobalLpPool', [x], { p }))
    expect(await pool(3)).toBe(2 ** 30)
    expect(await pool(4)).toBe(2 ** 20)
    const gelu: Body = (b, x) => {
      const cube = b.node('Pow', [x, b.constant([3])])
      const inner = b.node('Add', [x, b.node('Mul', [cube, b.constant([0.044715])])])
      const t = b.node('Tanh', [b.node('Mul', [inner, b.constant([Math.sqrt(2 / Math.PI)])])])
      return b.node('Mul', [b.node('Mul', [x, b.constant([0.5])]), b.node('Add', [t, b.constant([1])])])
    }
    expect(await room([1, 4], gelu)).toBe(2 ** 10)
  })

  it('looks at squares inside a norm that is written out', async () => {
    const norm =
      (factor: number, reduce: string): Body =>
      (b, x) => {
        const y = b.node('Mul', [x, b.constant([factor])])
        const sum = b.node(reduce, [b.node('Mul', [y, y]), b.indices([1])])
        return b.node('Sqrt', [sum])
      }
    // Four squares of (2^20)^2 are 2^42; of (2^30)^2, 2^62.
    expect(await room([1, 4], norm(1, 'ReduceSum'))).toBe(2 ** 20)
    expect(await room([1, 4], norm(2 ** 8.4, 'ReduceSum'))).toBe(2 ** 20)
    expect(await room([1, 4], norm(2 ** 8.6, 'ReduceSum'))).toBe(2 ** 10)
    // A mean of four is no larger than one of them.
    expect(await room([1, 4], norm(2 ** 9.4, 'ReduceMean'))).toBe(2 ** 20)
    expect(await room([1, 4], norm(2 ** 9.6, 'ReduceMean'))).toBe(2 ** 10)
    const shifted =
      (c: number): Body =>
      (b, x) => {
        const sum = b.node('ReduceSum', [b.node('Mul', [x, x]), b.indices([1])])
        return b.node('Sqrt', [b.node('Add', [sum, b.constant([c])])])
      }
    expect(await room([1, 4], shifted(2 ** 58))).toBe(2 ** 20)
    expect(await room([1, 4], shifted(2 ** 59))).toBe(0)
  })
})

describe('certificates of several classes', () => {
  /** Constants and errors that differ from pair to pair; the third class is far, and easy to reach. */
  function analysisOf(pairs: readonly (readonly number[])[], largestNorm = 1e6): Analysis {
    const outputs = { logits: Float64Array.of(1, 2, 3), pair: (i: number, j: number) => pairs[i]![j]! }
    const errors = [form(0.01, 0.001), form(0.02, 0.002), form(0.04, 0.004)]
    const logitErrors = {
      single: (i: number) => errors[i]!,
      pair: (i: number, j: number) => errors[(3 - i - j) % 3]!,
    }
    const proof = { outputs, logitErrors, largestNorm }
    return { proof, classes: 3, inputSize: 9 } as unknown as Analysis
  }
  const PAIRS = [
    [0, 2, 8],
    [2, 0, 4],
    [8, 4, 0],
  ]

  it('are the smallest over all others, each with its own constant and error', () => {
    const sample = { logits: [3, 2, 1], inputNorm: 10, label: 0, index: 0 }
    const steps = stepsOf(analysisOf(PAIRS), sample)
    // 0 against 1: (1 - 2 (0.04 + 0.04)) / 2.004; 0 against 2: (2 - 2 (0.02 + 0.02)) / 8.002.
    expect(steps.final).toBeCloseTo((2 - 2 * 0.04) / 8.002, 9)
    expect(steps.pairs).toBeCloseTo(2 / 8, 9)
    expect(steps.norms).toBeCloseTo(1 / 3, 9)
    expect(steps.seed).toBe(0.5)
    const far = [
      [0, 2, 1],
      [2, 0, 4],
      [1, 4, 0],
    ]
    expect(stepsOf(analysisOf(far), sample).final).toBeCloseTo((1 - 2 * 0.08) / 2.004, 9)
    for (const key of ['final', 'pairs', 'norms'] as const)
      expect(steps[key]).toBeLessThanOrEqual({ final: (2 - 2 * 0.04) / 8.002, pairs: 2 / 8, norms: 1 / 3 }[key])
  })

  it('are of the class that was predicted, wherever it stands, the first of equals', () => {
    const at = (logits: number[], label: number) =>
      certify(analysisOf(PAIRS), { logits, inputNorm: 0, label, index: 3 })
    expect(at([1, 2, 3], 2)).toMatchObject({ predicted: 2, margin: 1, index: 3, label: 2 })
    expect(at([1, 2, 3], 2).radius).toBeCloseTo(Math.min((1 - 0.02) / 4.001, (2 - 0.04) / 8.002), 9)
    expect(at([3, 3, 0], 0)).toMatchObject({ predicted: 0, margin: 0, radius: 0, rule: 'tie' })
    expect(at([3, 3, 0], 1)).toMatchObject({ predicted: 0, radius: 0 })
    // A tie of others costs nothing.
    expect(at([0, 3, 0], 1).radius).toBeGreaterThan(0.7)
    expect(at([1, 2, 3], 1)).toMatchObject({ predicted: 2, radius: 0, radiusL1: 0, radiusLinf: 0 })
  })

  it('imply the other norms', () => {
    const { radius, radiusL1, radiusLinf, seedRadius } = certify(analysisOf(PAIRS), {
      logits: [3, 2, 1],
      inputNorm: 0,
      label: 0,
      index: 0,
    })
    expect(radiusL1).toBe(radius)
    expect(radiusLinf! / (radius / 3)).toBeCloseTo(1, 9)
    expect(radiusLinf).toBeLessThanOrEqual(radius / 3)
    expect(seedRadius).toBe(0.5)
  })

  it('end where something may overflow, and vanish for inputs that are no numbers', () => {
    const of = (inputNorm: number, largestNorm: number) =>
      certify(analysisOf(PAIRS, largestNorm), { logits: [3000, 2, 1], inputNorm, label: 0, index: 0 }).radius
    expect(of(10, 12)).toBeCloseTo(2, 9)
    expect(of(10, 12)).toBeLessThanOrEqual(2)
    expect(of(12, 12)).toBe(0)
    expect(of(13, 12)).toBe(0)
    expect(of(Number.NaN, 12)).toBe(0)
    expect(of(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)).toBe(0)
  })

  it('without a finite constant or error there is none', () => {
    const none = PAIRS.map((row) => row.map(() => Number.POSITIVE_INFINITY))
    expect(certify(analysisOf(none), { logits: [3, 2, 1], inputNorm: 0, label: 0, index: 0 }).radius).toBe(0)
    const unknown = PAIRS.map((row) => row.map(() => Number.NaN))
    expect(certify(analysisOf(unknown), { logits: [3, 2, 1], inputNorm: 0, label: 0, index: 0 }).radius).toBe(0)
  })

  it('nor without a known error', () => {
    const { proof, ...rest } = analysisOf(PAIRS)
    for (const bad of [form(Number.NaN, 0), form(0, Number.NaN), form(Number.POSITIVE_INFINITY, 0)]) {
      const logitErrors = { single: () => bad, pair: () => bad }
      const analysis = { ...rest, proof: { ...proof!, logitErrors } } as Analysis
      expect(certify(analysis, { logits: [3, 2, 1], inputNorm: 1, label: 0, index: 0 }).radius).toBe(0)
    }
  })

  it('of one output: 0 belongs to class 0, and to no certificate', () => {
    const analysis = { ...analysisOf(PAIRS), classes: 1 }
    const at = (value: number, label: number) => certify(analysis, { logits: [value], inputNorm: 0, label, index: 0 })
    expect(at(0, 0)).toMatchObject({ predicted: 0, radius: 0 })
    expect(at(-3, 0).radius).toBeCloseTo((3 - 0.02) / 1.001, 9)
    const { norms, seed } = stepsOf(analysis, { logits: [-3], inputNorm: 0, label: 0, index: 0 })
    expect(seed).toBe(3)
    expect(norms).toBeLessThan(3)
    expect(norms).toBeCloseTo(3, 9)
  })

  it('of a network that does not move: the domain without overflow', () => {
    const still = PAIRS.map((row) => row.map(() => 0))
    const analysis = analysisOf(still, 100)
    const quiet = {
      ...analysis,
      proof: { ...analysis.proof!, logitErrors: { single: () => form(0, 0), pair: () => form(0, 0) } },
    } as Analysis
    const { radius } = certify(quiet, { logits: [3, 2, 1], inputNorm: 10, label: 0, index: 0 })
    expect(radius).toBeCloseTo(90, 6)
    expect(radius).toBeLessThanOrEqual(90)
  })
})
