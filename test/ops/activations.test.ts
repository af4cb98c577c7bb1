import { describe, expect, it } from 'vitest'
import { erf, erfc } from '../../src/ops/error-function.ts'
import {
  backward,
  constantOf,
  differences,
  disagreement,
  evaluate,
  fixed,
  floats,
  type NodeCase,
  random,
  roomFor,
  siteOf,
} from './one-node.ts'

interface Activation {
  readonly op: string
  readonly opset?: number
  readonly attributes?: NonNullable<NodeCase['attributes']>
}

const f = (value: number) => ({ float: value })

const BOUNDED: readonly Activation[] = [
  { op: 'Relu' },
  { op: 'Abs' },
  { op: 'LeakyRelu' },
  { op: 'LeakyRelu', attributes: { alpha: f(-1.5) } },
  { op: 'LeakyRelu', attributes: { alpha: f(3) } },
  { op: 'Elu' },
  { op: 'Elu', attributes: { alpha: f(-2) } },
  { op: 'Elu', attributes: { alpha: f(0.25) } },
  { op: 'Celu', attributes: { alpha: f(2) } },
  { op: 'Selu' },
  { op: 'Selu', attributes: { alpha: f(0.5), gamma: f(-3) } },
  { op: 'Sigmoid' },
  { op: 'HardSigmoid' },
  { op: 'HardSigmoid', attributes: { alpha: f(-0.75), beta: f(0.25) } },
  { op: 'HardSwish' },
  { op: 'Tanh' },
  { op: 'Softplus' },
  { op: 'Softsign' },
  { op: 'ThresholdedRelu', attributes: { alpha: f(0) } },
  { op: 'Erf' },
  { op: 'Gelu', opset: 20 },
  { op: 'Gelu', opset: 20, attributes: { approximate: 'tanh' } },
  { op: 'Mish' },
  { op: 'Sin' },
  { op: 'Cos' },
  { op: 'Atan' },
  { op: 'Swish', opset: 24 },
  { op: 'Swish', opset: 24, attributes: { alpha: f(-2) } },
]

const UNBOUNDED: readonly Activation[] = [
  { op: 'Celu', attributes: { alpha: f(-1) } },
  { op: 'ThresholdedRelu' },
  { op: 'Exp' },
  { op: 'Log' },
  { op: 'Reciprocal' },
  { op: 'Sign' },
  { op: 'Floor' },
  { op: 'Ceil' },
  { op: 'Round' },
]

const nameOf = ({ op, attributes }: Activation) => `${op} ${JSON.stringify(attributes ?? {}).replaceAll('"', '')}`

/** A grid of slopes of y over [-30, 30], fine near 0. */
function slopes(activation: Activation): { worst: number } {
  const grid = Array.from({ length: 200_001 }, (_, i) => 30 * ((i - 100_000) / 100_000) ** 3)
  const at = (by: number) =>
    evaluate({
      ...activation,
      inputs: [{ dims: [grid.length], data: grid.map((x) => x + by) }],
    })[0]!.data
  const step = 1e-6
  const [right, left] = [at(step), at(-step)]
  return { worst: right.reduce((best, value, i) => Math.max(best, Math.abs(value - left[i]!) / (2 * step)), 0) }
}

const points = floats(
  [17],
  [-90, -30, -9, -5, -3.5, -2.25, -1, -0.5, -0.001, 0.001, 0.3, 1.75, 2.5, 3.5, 8, 20, 90].map(Math.fround),
)

describe.each(BOUNDED.map((activation) => [nameOf(activation), activation] as const))('%s', (_, activation) => {
  it('has a constant that its slopes never exceed and nearly reach', () => {
    const constant = constantOf(roomFor(activation.op).lipschitz(siteOf({ ...activation, inputs: [points] })))
    const { worst } = slopes(activation)
    // Differences of float64 values err by about 1e-16 * 30 / 1e-6.
    expect(worst).toBeLessThanOrEqual(constant + 1e-8)
    expect(worst).toBeGreaterThan(constant * (1 - 1e-4))
  })

  it('agrees with onnxruntime within its rounding rule', async () => {
    // onnxruntime 1.30 has no kernel for Swish.
    if (activation.op === 'Swish') return
    expect(await disagreement({ ...activation, inputs: [points] })).toBeLessThanOrEqual(1)
    expect(await disagreement({ ...activation, inputs: [random([500], 3, 4)] })).toBeLessThanOrEqual(1)
  })
})

describe.each([...BOUNDED, ...UNBOUNDED].map((activation) => [nameOf(activation), activation] as const))(
  'gradient of %s',
  (_, activation) => {
    const { vjp } = roomFor(activation.op)
    it.skipIf(!vjp)('is what differences show', async () => {
      const positive = activation.op === 'Log'
      const data = random([60], 9, 4).data.map((x) => Math.fround(positive ? Math.abs(x) + 0.1 : x))
      const one = { ...activation, inputs: [floats([3, 20], data)] }
      const cotangent = data.map((_, i) => ((i * 7) % 5) - 2)
      const [gradient] = await backward(one, [cotangent])
      const expected = differences(one, [cotangent], 0)
      if (!gradient) {
        expect(expected.every((value) => value === 0)).toBe(true)
        return
      }
      gradient.data.forEach((value, i) => {
        expect(Math.abs(value - expected[i]!)).toBeLessThan(2e-5 * Math.max(1, Math.abs(expected[i]!)))
      })
    })
  },
)

describe.each(UNBOUNDED.map((activation) => [nameOf(activation), activation] as const))('%s', (_, activation) => {
  it('is refused with a reason, and agrees with onnxruntime', async () => {
    const rule = roomFor(activation.op).lipschitz(siteOf({ ...activation, inputs: [points] }))
    expect(rule.kind).toBe('unbounded')
    expect('because' in rule && rule.because.length > 10).toBe(true)
    const safe = floats([8], [0.5, 1.5, 2.5, 3.25, 1, 0.125, 7.5, 3])
    const signed =
      activation.op === 'Log'
        ? safe
        : floats(
            [8],
            safe.data.map((x, i) => (i % 2 ? -x : x)),
          )
    expect(await disagreement({ ...activation, inputs: [signed] })).toBeLessThanOrEqual(1)
  })
})

describe('PRelu', () => {
  const slope = fixed([3, 1], [-2, 0.5, 1.5])
  const one: NodeCase = { op: 'PRelu', opset: 16, inputs: [random([2, 3, 4], 2), slope] }

  it('takes its largest slope, and no less than 1', () => {
    const constant = (data: readonly number[]) =>
      constantOf(roomFor('PRelu').lipschitz(siteOf({ ...one, inputs: [one.inputs[0], fixed([3, 1], data)] })))
    expect([constant([-2, 0.5, 1.5]), constant([0.1, 0.2, 0.3]), constant([0, 0, Number.NaN])]).toEqual([
      2,
      1,
      Infinity,
    ])
  })

  it('has no bound when its slopes depend on the data', () => {
    const rule = roomFor('PRelu').lipschitz(siteOf({ ...one, inputs: [one.inputs[0], floats([3, 1], [1, 1, 1])] }))
    expect(rule.kind).toBe('unbounded')
  })

  it('agrees with onnxruntime and with differences, for the slopes too', async () => {
    const moving: NodeCase = { ...one, inputs: [one.inputs[0], { ...slope, constant: false }] }
    expect(await disagreement(moving)).toBeLessThanOrEqual(1)
    const cotangent = Array.from({ length: 24 }, (_, i) => (i % 7) - 3)
    const gradients = await backward(moving, [cotangent])
    gradients.forEach((gradient, index) => {
      const expected = differences(moving, [cotangent], index)
      expect(gradient!.dims).toEqual(moving.inputs[index]!.dims)
      gradient!.data.forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i]!, 4)
      })
    })
  })
})

describe('erf', () => {
  // Digits from tables (Abramowitz and Stegun 7.1; DLMF 7.23).
  it.each([
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2, 0.9953222650189527],
    [3, 0.9999779095030014],
  ])('erf(%d)', (x, value) => {
    expect(Math.abs(erf(x) - value)).toBeLessThan(3e-16)
    expect(erf(-x)).toBe(-erf(x))
  })

  it.each([
    [0.5, 0.4795001221869535],
    [1, 0.15729920705028513],
    [2, 0.004677734981047266],
    [3, 2.209049699858544e-5],
    [5, 1.5374597944280349e-12],
    [10, 2.088487583762545e-45],
  ])('erfc(%d)', (x, value) => {
    expect(Math.abs(erfc(x) / value - 1)).toBeLessThan(1e-14)
    expect(Math.abs(erfc(-x) - (2 - value))).toBeLessThan(5e-16)
  })

  it('has the integral of its slope, with no seam', () => {
    // Simpson's rule over steps of 1/64 against the difference of erf, |x| <= 4.
    const bell = (x: number) => (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x)
    for (let i = -256; i < 256; i++) {
      const [a, b] = [i / 64, (i + 1) / 64]
      const m = (a + b) / 2
      const quarter = (p: number, q: number) => ((q - p) / 6) * (bell(p) + 4 * bell((p + q) / 2) + bell(q))
      const fine = quarter(a, m) + quarter(m, b)
      expect(
        Math.abs(erf(b) - erf(a) - (fine + (fine - ((b - a) / 6) * (bell(a) + 4 * bell(m) + bell(b))) / 15)),
      ).toBeLessThan(1e-14)
    }
  })
})
