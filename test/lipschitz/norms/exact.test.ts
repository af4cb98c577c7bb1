/**
 * Norms that are known exactly, against integer arithmetic: no tolerance on either side, over the whole range of float64.
 * Where a sum of squares, a sum or a product is the norm, every rounding, underflow and loss by scaling has to be paid.
 */
import { describe, expect, it } from 'vitest'
import { scaleByPowerOfTwo } from '../../../src/linalg/power-of-two.ts'
import { randomStream } from '../../../src/linalg/random.ts'
import {
  absoluteNorm,
  addIdentity,
  composeConvolutions,
  composeMatrices,
  encloseCircular,
  encloseConvolution,
  encloseMatrix,
  encloseStructure,
  encloseTorus,
  scaleOutputChannels,
} from '../../../src/lipschitz/norms/index.ts'
import type { MatrixStructure } from '../../../src/ops/operator.ts'
import { integer } from '../../linalg/integer.ts'
import { convolution } from './dense-operator.ts'

/** x * 2^-2148, to 50 bits or so. */
function double(x: bigint): number {
  const shift = Math.max(0, magnitude(x).toString(2).length - 60)
  return scaleByPowerOfTwo(Number(x >> BigInt(shift)), shift - 2148)
}

const magnitude = (x: bigint): bigint => (x < 0n ? -x : x)
const array = (dims: readonly number[], data: ArrayLike<number>) => ({
  type: 'float64' as const,
  dims,
  data: Float64Array.from(data),
})
const matrix = (dims: readonly number[], data: ArrayLike<number>): MatrixStructure => ({
  kind: 'matrix',
  matrix: array(dims, data),
})

/** lower <= sqrt(square) 2^(-1074 factors) <= upper. */
function expectEnclosed(bound: { lower: number; upper: number }, square: bigint, factors: number, label: string) {
  const unit = BigInt(2148 * (factors - 1))
  if (bound.upper !== Number.POSITIVE_INFINITY)
    expect((integer(bound.upper) ** 2n) << unit >= square, `${label}: upper ${bound.upper}`).toBe(true)
  expect((integer(bound.lower) ** 2n) << unit <= square, `${label}: lower ${bound.lower}`).toBe(true)
}
const above = (upper: number) => ({ lower: 0, upper })

const KINDS: Readonly<Record<string, (x: number, exponent: number) => number>> = {
  ordinary: (x) => x,
  'of float32 sizes': (x, e) => Math.fround(x * 2 ** ((e % 40) - 20)),
  'denormal in float32': (x, e) => Math.fround(x) * 2 ** (-120 - (e % 29)),
  'denormal in float64': (x, e) => scaleByPowerOfTwo(x, -1040 - (e % 34)),
  'of every size': (x, e) => scaleByPowerOfTwo(x, e - 1050),
}

describe('exactly known norms', () => {
  for (const [kind, make] of Object.entries(KINDS))
    it(`numbers ${kind}`, () => {
      for (let seed = 0; seed < (process.env.LIP_ONNX_SLOW ? 1000 : 30); seed++) {
        const r = randomStream(0xe4ac7, seed)
        const number = () => make(r.normal(), r.integer(2000))
        const n = 1 + r.integer(9)
        const v = Float64Array.from({ length: n }, number)
        const label = `seed ${seed}`

        // One row, one column, one position, windows side by side: the root of the sum of squares.
        const squares = v.reduce((sum, x) => sum + integer(x) ** 2n, 0n)
        const disjoint = convolution([1, 1, n], v, [3 * n], { strides: [n] })
        expectEnclosed(encloseMatrix(matrix([1, n], v)), squares, 1, `${label} row`)
        expectEnclosed(encloseMatrix(matrix([n, 1], v)), squares, 1, `${label} column`)
        expectEnclosed(encloseConvolution(convolution([1, n, 1], v, [5])), squares, 1, `${label} position`)
        expectEnclosed(encloseConvolution(disjoint), squares, 1, `${label} windows`)
        expectEnclosed(encloseTorus(disjoint), squares, 1, `${label} torus`)
        expectEnclosed(encloseCircular(disjoint)!, squares, 1, `${label} circular`)
        expectEnclosed(above(absoluteNorm(matrix([1, n], v))), squares, 1, `${label} absolute row`)
        expectEnclosed(above(absoluteNorm(disjoint)), squares, 1, `${label} absolute windows`)

        // A kernel without signs peaks at frequency 0: the sum.
        const kernel = convolution([1, 1, n], v.map(Math.abs), [n + 1], { padsEnd: [n - 1] })
        const sum = kernel.weights.data.reduce((total, x) => total + integer(x), 0n)
        expectEnclosed(encloseCircular(kernel)!, sum ** 2n, 1, `${label} sum, circular`)
        expectEnclosed(above(encloseTorus(kernel).upper), sum ** 2n, 1, `${label} sum, torus`)
        expectEnclosed(above(absoluteNorm(kernel)), sum ** 2n, 1, `${label} sum, absolute`)

        // A row after a column: their product, which may cancel.
        const w = Float64Array.from({ length: n }, number)
        if (n > 1 && r.uniform() < 0.5) {
          w[0] = 1
          const rest = v.subarray(1).reduce((total, x, i) => total + x * w[i + 1]!, 0)
          if (Number.isFinite(rest)) v[0] = -rest
        }
        const product = v.reduce((total, x, i) => total + integer(x) * integer(w[i]!), 0n) ** 2n
        const joint = composeConvolutions(convolution([n, 1, 1], v, [4]), convolution([1, n, 1], w, [4]))
        if (joint) expectEnclosed(encloseConvolution(joint), product, 2, `${label} composed`)
        const both = composeMatrices(matrix([n, 1], v), matrix([1, n], w))!
        expectEnclosed(encloseMatrix(both), product, 2, `${label} composed matrices`)

        // One number: factors, sums, and perturbations of their size.
        const [a, b, p, q] = [v[0]!, w[0]!, Math.abs(number()), Math.abs(number())]
        const [A, B, P, Q] = [magnitude(integer(a)), magnitude(integer(b)), integer(p), integer(q)]
        const one = (x: number, perturbation: number) => ({ ...convolution([1, 1, 1], [x], [4]), perturbation })
        const scale = array([1], [b])
        expectEnclosed(encloseConvolution(scaleOutputChannels(one(a, 0), scale)!), (A * B) ** 2n, 2, `${label} scaled`)
        expectEnclosed(
          above(encloseConvolution(scaleOutputChannels(one(a, p), scale)!).upper),
          ((A + P) * B) ** 2n,
          2,
          `${label} scaled, perturbed`,
        )
        const shifted = magnitude(integer(a) + integer(b))
        expectEnclosed(encloseConvolution(addIdentity(one(a, 0), b)!), shifted ** 2n, 1, `${label} identity`)
        expectEnclosed(
          above(encloseConvolution(addIdentity(one(a, p), b)!).upper),
          (shifted + P) ** 2n,
          1,
          `${label} identity, perturbed`,
        )
        const pair = composeConvolutions(one(a, p), one(b, q))
        if (pair)
          expectEnclosed(
            above(encloseConvolution(pair).upper),
            ((A + P) * (B + Q)) ** 2n,
            2,
            `${label} pair, perturbed`,
          )
        const dense = composeMatrices(
          { ...matrix([1, 1], [a]), perturbation: p },
          { ...matrix([1, 1], [b]), perturbation: q },
        )!
        expectEnclosed(above(encloseMatrix(dense).upper), ((A + P) * (B + Q)) ** 2n, 2, `${label} matrices, perturbed`)
        const tensor = { kind: 'kronecker', factors: [array([1, 1], [a]), array([1, 1], [b])] } as const
        expectEnclosed(encloseStructure(tensor), (A * B) ** 2n, 2, `${label} kronecker`)
        expectEnclosed(above(absoluteNorm(tensor)), (A * B) ** 2n, 2, `${label} kronecker, absolute`)
      }
    })

  it('a sum of products that cancels again and again is held within its perturbation', () => {
    let cancelled = 0
    for (let seed = 0; seed < 200; seed++) {
      const r = randomStream(0xcace1, seed)
      const pick = () => (seed % 4 === 0 ? scaleByPowerOfTwo(r.normal(), -480 - r.integer(90)) : r.normal())
      const v = [pick(), pick(), pick()].slice(0, 1 + r.integer(3))
      const w = v.map(pick)
      let exact = v.reduce((total, x, i) => total + integer(x) * integer(w[i]!), 0n)
      // Take off what float64 makes of the rest, so that nothing but rounding is left.
      for (let k = r.integer(4); k > 0; k--) {
        const rest = double(exact)
        if (Math.abs(rest) < 2 ** -1000) break
        v.push(-rest)
        w.push(1)
        exact -= integer(rest) << 1074n
      }
      const n = v.length
      const joint = composeConvolutions(convolution([n, 1, 1], v, [4]), convolution([1, n, 1], w, [4]))!
      const both = composeMatrices(matrix([n, 1], v), matrix([1, n], w))!
      for (const [stored, perturbation] of [
        [joint.weights.data[0]!, joint.perturbation ?? 0],
        [both.matrix.data[0]!, both.perturbation ?? 0],
      ] as const)
        expect(magnitude((integer(stored) << 1074n) - exact) <= integer(perturbation) << 1074n, `seed ${seed}`).toBe(
          true,
        )
      if (n > 4) cancelled++
      if (seed % 4 !== 0) expect(joint.perturbation ?? 0).toBeLessThan(1e-15)
    }
    expect(cancelled).toBeGreaterThan(20)
  })

  it('products whose last bits fall below the smallest number are not exact', () => {
    const one = convolution([1, 1, 1], [3 * 2 ** -540], [4])
    const other = convolution([1, 1, 1], [5 * 2 ** -535], [4])
    // 15/2 units of 2^-1074.
    expect(composeConvolutions(one, other)!.perturbation).toBeGreaterThanOrEqual(2 ** -1074)
    for (const exponent of [-440, -460, -480, -500, -520, -535]) {
      const [x, y] = [scaleByPowerOfTwo(1 + 2 ** -52, exponent), scaleByPowerOfTwo(1 + 2 ** -51 + 2 ** -52, exponent)]
      const first = convolution([2, 2, 1], [1, 0, 0, x], [4])
      const joint = composeConvolutions(first, convolution([2, 2, 1], [1, 0, 0, y], [4]))!
      const off = magnitude((integer(joint.weights.data[3]!) << 1074n) - integer(x) * integer(y))
      expect(off <= integer(joint.perturbation ?? 0) << 1074n, `exponent ${exponent}`).toBe(true)
    }
  })

  it('a small element of one kernel may meet the largest of the other', () => {
    const first = convolution([2, 1, 1], [2 ** 900, 2 ** -900], [4])
    const second = convolution([1, 2, 1], [2 ** -900, 2 ** 900], [4])
    const joint = composeConvolutions(first, second)
    if (joint) expect(encloseConvolution(joint).upper).toBeGreaterThanOrEqual(2)
    // Less far apart it is the number itself.
    const [near, other] = [
      convolution([2, 1, 1], [2 ** 400, 2 ** -400], [4]),
      convolution([1, 2, 1], [2 ** -400, 2 ** 400], [4]),
    ]
    expect(encloseConvolution(composeConvolutions(near, other)!)).toMatchObject({ lower: expect.closeTo(2, 12) })
  })
})
