import { describe, expect, it } from 'vitest'
import { normalVector } from '../../../src/linalg/normal-vector.ts'
import { singularValues } from '../../../src/linalg/singular-values.ts'
import {
  absoluteNorm,
  addIdentity,
  composeConvolutions,
  composeMatrices,
  encloseAll,
  encloseConvolution,
  encloseMatrix,
  encloseStructure,
  matrixNormUpper,
  scaleOutputChannels,
} from '../../../src/lipschitz/norms/index.ts'
import type { NdArray } from '../../../src/onnx/ir.ts'
import type { ConvolutionStructure, LinearStructure, MatrixStructure } from '../../../src/ops/operator.ts'
import { convolution, denseNorm, denseOperator } from './dense-operator.ts'
import { randomConvolution } from './random-geometry.ts'

const ORACLE = 1e-12
const array = (dims: readonly number[], data: ArrayLike<number>): NdArray => ({
  type: 'float32',
  dims,
  data: Float64Array.from(data),
})

describe('encloseMatrix', () => {
  it('holds for every shape and rank', () => {
    for (const [rows, columns] of [
      [1, 1],
      [1, 30],
      [30, 1],
      [10, 64],
      [64, 10],
      [33, 33],
      [3, 200],
    ] as const)
      for (const rank of [undefined, 1]) {
        const data =
          rank === 1
            ? outer(normalVector(rows, 1), normalVector(columns, 2))
            : normalVector(rows * columns, rows, columns)
        const truth = singularValues(data, rows, columns)[0]!
        const { lower, upper } = encloseMatrix({ matrix: array([rows, columns], data) })
        expect(lower).toBeLessThanOrEqual(truth * (1 + ORACLE))
        expect(upper).toBeGreaterThanOrEqual(truth * (1 - ORACLE))
        expect(upper / lower).toBeLessThan(1 + 1e-6)
      }
  })

  it('is exact about orthogonal, zero, huge and denormal matrices', () => {
    const identity = array([3, 3], [1, 0, 0, 0, 1, 0, 0, 0, 1])
    expect(matrixNormUpper(identity)).toBeGreaterThanOrEqual(1)
    expect(matrixNormUpper(identity)).toBeLessThan(1 + 1e-14)
    expect(encloseMatrix({ matrix: array([2, 5], new Float64Array(10)) })).toMatchObject({ lower: 0, upper: 0 })
    for (const unit of [2 ** -149, 2 ** 120, 2 ** 1020, 2 ** -1060]) {
      const { lower, upper } = encloseMatrix({ matrix: array([2, 2], [3 * unit, 0, 0, 4 * unit]) })
      expect(lower).toBeLessThanOrEqual(4 * unit)
      expect(lower).toBeGreaterThan(3.99 * unit)
      expect(upper).toBeGreaterThanOrEqual(4 * unit)
      expect(upper).toBeLessThan(4.01 * unit)
    }
    expect(encloseMatrix({ matrix: array([1, 2], [Number.NaN, 1]) }).upper).toBe(Number.POSITIVE_INFINITY)
  })

  it('a tight cluster at the top does not fool it', () => {
    const n = 60
    const data = new Float64Array(n * n)
    for (let i = 0; i < n; i++) data[i * n + i] = 1 - 1e-13 * i
    const { lower, upper } = encloseMatrix({ matrix: array([n, n], data) })
    expect(upper).toBeGreaterThanOrEqual(1)
    expect(lower).toBeLessThanOrEqual(1)
  })
})

describe('encloseStructure', () => {
  it('knows diagonal, kronecker and closed-form structures', () => {
    const diagonal = encloseStructure({ kind: 'diagonal', scale: array([4], [1, -3, 2, 0]) })
    expect(diagonal).toMatchObject({ lower: 3, upper: 3 })
    const inexact = encloseStructure({ kind: 'diagonal', scale: { ...array([1], [3]), relativeError: 0.01 } })
    expect(inexact.upper).toBeGreaterThanOrEqual(3 / 0.99)
    expect(inexact.lower).toBeLessThanOrEqual(3 / 1.01)
    const a = normalVector(12, 1)
    const b = normalVector(20, 2)
    const kronecker = encloseStructure({ kind: 'kronecker', factors: [array([3, 4], a), array([5, 4], b)] })
    const truth = singularValues(a, 3, 4)[0]! * singularValues(b, 5, 4)[0]!
    expect(kronecker.lower).toBeLessThanOrEqual(truth * (1 + ORACLE))
    expect(kronecker.upper).toBeGreaterThanOrEqual(truth * (1 - ORACLE))
    expect(encloseStructure({ kind: 'closed-form', norm: 2.5, because: 'test' })).toMatchObject({
      lower: 0,
      upper: 2.5,
    })
    expect(encloseStructure({ kind: 'closed-form', norm: Number.NaN, because: 'test' }).upper).toBe(
      Number.POSITIVE_INFINITY,
    )
  })

  it('a grouped convolution has the largest of its groups, never their product', () => {
    // Two depthwise groups below 1: the product (orthogonium's mistake) is below both.
    const structure = convolution([2, 1, 3], [0.1, 0.3, 0.1, 0.2, 0.4, 0.1], [9], {
      groups: 2,
      padsBegin: [1],
      padsEnd: [1],
    })
    const alone = [0, 1].map((g) =>
      denseNorm(
        convolution([1, 1, 3], structure.weights.data.subarray(3 * g, 3 * g + 3), [9], {
          padsBegin: [1],
          padsEnd: [1],
        }),
      ),
    )
    const { lower, upper } = encloseStructure(structure)
    const truth = denseNorm(structure)
    expect(truth).toBeCloseTo(Math.max(...alone), 12)
    expect(alone[0]! * alone[1]!).toBeLessThan(truth * 0.8)
    expect(lower).toBeLessThanOrEqual(truth * (1 + ORACLE))
    expect(upper).toBeGreaterThanOrEqual(truth * (1 - ORACLE))
  })
})

describe('absoluteNorm', () => {
  it('dominates the norm of the absolute operator', () => {
    for (let i = 0; i < 60; i++) {
      const structure = randomConvolution([55, i], 80)
      const absolute = { ...structure, weights: { ...structure.weights, data: structure.weights.data.map(Math.abs) } }
      const truth = denseNorm(absolute)
      const bound = absoluteNorm(structure)
      expect(bound).toBeGreaterThanOrEqual(truth * (1 - ORACLE))
      expect(bound).toBeGreaterThanOrEqual(encloseConvolution(structure).lower)
    }
    // For every size: taps that meet only padding here meet data elsewhere.
    const here = convolution([1, 1, 3], [1, 2, 4], [1], { padsBegin: [1], padsEnd: [1] })
    expect(absoluteNorm(here)).toBeGreaterThanOrEqual(7)
    const data = normalVector(12, 8)
    const exact = singularValues(data.map(Math.abs), 3, 4)[0]!
    const matrix = absoluteNorm({ kind: 'matrix', matrix: array([3, 4], data) })
    expect(matrix).toBeGreaterThanOrEqual(exact * (1 - ORACLE))
    expect(matrix).toBeLessThan(exact * (1 + 1e-6))
    expect(
      absoluteNorm({ kind: 'matrix', matrix: { ...array([3, 4], data), relativeError: 0.1 } }),
    ).toBeGreaterThanOrEqual(exact / 0.9)
  })
})

describe('composition and folding', () => {
  it('composes convolutions exactly where the second reads no padding, and refuses elsewhere', () => {
    let composed = 0
    for (let i = 0; i < 300; i++) {
      const first = { ...randomConvolution([91, i], 70), transposed: false }
      const outputs = outputsOf(first)
      const mid = first.weights.dims[0]!
      const groups = first.groups === 1 || i % 2 === 0 ? 1 : first.groups
      const kernel = outputs.map((n) => Math.min(n, 1 + (i % 3)))
      const second = convolution(
        [2 * groups, mid / groups, ...kernel],
        normalVector(2 * mid * kernel.reduce((n, k) => n * k, 1), 4, i),
        outputs,
        {
          groups,
          strides: outputs.map((_, d) => 1 + ((i + d) % 2)),
          padsEnd: outputs.map(() => (i % 7 === 0 ? 1 : 0)),
        },
      )
      const joint = composeConvolutions(first, second)
      if (!joint) continue
      composed++
      const truth = productNorm(denseOperator(second), denseOperator(first))
      expect(denseNorm(joint) / (truth || 1)).toBeCloseTo(truth === 0 ? 0 : 1, 9)
      const { lower, upper } = encloseConvolution(joint)
      expect(lower).toBeLessThanOrEqual(truth * (1 + 1e-11))
      expect(upper).toBeGreaterThanOrEqual(truth * (1 - 1e-11))
    }
    expect(composed).toBeGreaterThan(100)
    const first = convolution([1, 1, 3], [1, 1, 1], [8], { padsBegin: [1], padsEnd: [1] })
    const padded = convolution([1, 1, 3], [1, 1, 1], [8], { padsBegin: [1], padsEnd: [1] })
    expect(composeConvolutions(first, padded)).toBeUndefined()
    expect(composeConvolutions(first, convolution([1, 1, 3], [1, 1, 1], [7]))).toBeUndefined()
  })

  it('pays for cancellation in a composed kernel', () => {
    // 1 + 2^-60 is lost in any order; the difference of the two taps is all rounding.
    const first = convolution([2, 1, 1], [1 + 2 ** -30, 1 - 2 ** -30], [4])
    const second = convolution([1, 2, 1], [1 + 2 ** -31, -1 - 2 ** -31 - 2 ** -52], [4])
    const joint = composeConvolutions(first, second)!
    const exact = 2 ** -29 + 2 ** -60 - 2 ** -52 + 2 ** -82
    const { lower, upper } = encloseConvolution(joint)
    expect(upper).toBeGreaterThanOrEqual(exact)
    expect(lower).toBeLessThanOrEqual(exact)
    const inexact = composeConvolutions({ ...first, weights: { ...first.weights, relativeError: 0.01 } }, second)!
    // The relative error of terms that cancel is not relative to their difference.
    expect(encloseConvolution(inexact).upper).toBeGreaterThan(0.0199)
    const perturbed = composeConvolutions({ ...first, perturbation: 0.5 }, second)!
    expect(perturbed.perturbation).toBeGreaterThanOrEqual(0.5 * Math.hypot(1, 1))
  })

  it('composes matrices', () => {
    const first: MatrixStructure = { kind: 'matrix', matrix: array([5, 7], normalVector(35, 1)) }
    const second: MatrixStructure = { kind: 'matrix', matrix: array([3, 5], normalVector(15, 2)) }
    const joint = composeMatrices(first, second)!
    const truth = productNorm(
      { rows: 3, columns: 5, data: second.matrix.data },
      { rows: 5, columns: 7, data: first.matrix.data },
    )
    const { lower, upper } = encloseMatrix(joint)
    expect(lower).toBeLessThanOrEqual(truth * (1 + ORACLE))
    expect(upper).toBeGreaterThanOrEqual(truth * (1 - ORACLE))
    expect(upper).toBeLessThan(truth * (1 + 1e-6))
    expect(joint.perturbation).toBeGreaterThan(0)
    expect(composeMatrices(second, first)).toBeUndefined()
  })

  it('adds a multiple of the identity', () => {
    for (const groups of [1, 2])
      for (const dilation of [1, 2])
        for (const a of [1, -0.3]) {
          const structure = convolution([4, 4 / groups, 3, 3], normalVector((16 / groups) * 9, groups), [5, 4], {
            groups,
            dilations: [dilation, dilation],
            padsBegin: [dilation, dilation],
            padsEnd: [dilation, dilation],
          })
          const dense = denseOperator(structure)
          for (let i = 0; i < dense.rows; i++) dense.data[i * dense.columns + i] += a
          const truth = singularValues(dense.data, dense.rows, dense.columns)[0]!
          const { lower, upper } = encloseConvolution(addIdentity(structure, a)!)
          expect(lower).toBeLessThanOrEqual(truth * (1 + ORACLE))
          expect(upper).toBeGreaterThanOrEqual(truth * (1 - ORACLE))
        }
    expect(addIdentity(convolution([2, 2, 3], new Float64Array(12), [5]), 1)).toBeUndefined()
    const tiny = addIdentity(convolution([1, 1, 1], [2 ** -60], [3]), 1)!
    expect(tiny.perturbation).toBeGreaterThanOrEqual(2 ** -60)
    expect(addIdentity(convolution([1, 1, 1], [0.25], [3]), 1)!.perturbation).toBeUndefined()
    // The largest error counts, on whichever channel it lies.
    for (const diagonal of [
      [2 ** -60, 0, 0, 0.25],
      [0.25, 0, 0, 2 ** -60],
    ])
      expect(addIdentity(convolution([2, 2, 1], diagonal, [3]), 1)!.perturbation).toBeGreaterThanOrEqual(2 ** -60)
  })

  it('scales output channels of a convolution and of its adjoint', () => {
    for (const transposed of [false, true])
      for (const groups of [1, 2]) {
        const structure = convolution([4, 6 / groups, 3], normalVector((4 * 6 * 3) / groups, 3, groups), [7], {
          groups,
          transposed,
        })
        const channels = transposed ? 6 : 4
        const scale = array([channels], normalVector(channels, 5))
        const scaled = scaleOutputChannels(structure, scale)!
        expect(scaled.weights.relativeError).toBeGreaterThanOrEqual(2 ** -53)
        expect(scaled.weights.relativeError).toBeLessThan(2 ** -50)
        // By hand: rows of the forward matrix are outputs, columns inputs, both channel-major.
        const dense = denseOperator(structure)
        const pixels = transposed ? dense.columns / 6 : dense.rows / 4
        const data = dense.data.map((x, k) => {
          const channel = Math.floor((transposed ? k % dense.columns : Math.floor(k / dense.columns)) / pixels)
          return x * scale.data[channel]!
        })
        const truth = singularValues(data, dense.rows, dense.columns)[0]!
        const { lower, upper } = encloseConvolution(scaled)
        expect(lower).toBeLessThanOrEqual(truth * (1 + ORACLE))
        expect(upper).toBeGreaterThanOrEqual(truth * (1 - ORACLE))
      }
    const uncertain = scaleOutputChannels(convolution([1, 1, 1], [2], [3]), {
      ...array([1], [3]),
      relativeError: 1e-16,
    })!
    expect(uncertain.weights.relativeError).toBeGreaterThan(2 ** -53 + 1e-16)
    expect(scaleOutputChannels(convolution([2, 1, 1], [2, 3], [3]), array([3], [1, 2, 3]))).toBeUndefined()
  })
})

describe('a geometry that is none', () => {
  it('is an error, not the zero operator', () => {
    const fine = convolution([1, 1, 3], [1, 2, 3], [5])
    for (const bad of [
      { strides: [0] },
      { strides: [] },
      { dilations: [0] },
      { dilations: [-1] },
      { padsBegin: [Number.NaN] },
      { padsEnd: [0.5] },
      { spatial: [Number.NaN] },
    ]) {
      expect(() => encloseConvolution({ ...fine, ...bad }), JSON.stringify(bad)).toThrow('A convolution has kernel 3')
      expect(() => absoluteNorm({ ...fine, ...bad })).toThrow('A convolution has kernel 3')
    }
  })
})

describe('encloseAll', () => {
  it('keeps the order, shares what is given twice, reports progress', async () => {
    const one: LinearStructure = { kind: 'matrix', matrix: array([2, 3], normalVector(6, 1)) }
    const two = convolution([2, 1, 3], normalVector(6, 2), [9])
    const seen: number[] = []
    const bounds = await encloseAll([one, two, one], { onProgress: (done) => seen.push(done) })
    expect(bounds).toEqual([encloseStructure(one), encloseStructure(two), encloseStructure(one)])
    expect(seen).toEqual([1, 2])
    expect(await encloseAll([])).toEqual([])
  })
})

function outer(x: Float64Array, y: Float64Array): Float64Array {
  return Float64Array.from({ length: x.length * y.length }, (_, k) => x[Math.floor(k / y.length)]! * y[k % y.length]!)
}

function outputsOf(s: ConvolutionStructure): number[] {
  return s.spatial.map(
    (n, d) =>
      Math.floor(
        (n + s.padsBegin[d]! + s.padsEnd[d]! - (s.weights.dims[d + 2]! - 1) * s.dilations[d]! - 1) / s.strides[d]!,
      ) + 1,
  )
}

interface Dense {
  readonly rows: number
  readonly columns: number
  readonly data: Float64Array
}

function productNorm(b: Dense, a: Dense): number {
  const data = new Float64Array(b.rows * a.columns)
  for (let i = 0; i < b.rows; i++)
    for (let k = 0; k < b.columns; k++)
      for (let j = 0; j < a.columns; j++)
        data[i * a.columns + j] += b.data[i * b.columns + k]! * a.data[k * a.columns + j]!
  return singularValues(data, b.rows, a.columns)[0]!
}
