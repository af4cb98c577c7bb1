import { describe, expect, it } from 'vitest'
import { normalVector } from '../../../src/linalg/normal-vector.ts'
import { encloseCircular, encloseConvolution, encloseTorus } from '../../../src/lipschitz/norms/index.ts'
import { circularNorm, convolution, denseNorm } from './dense-operator.ts'
import { randomConvolution } from './random-geometry.ts'

/** Relative accuracy of the Jacobi oracle. */
const ORACLE = 1e-12

function expectEnclosed(bound: { lower: number; upper: number }, truth: number, label: string) {
  expect(bound.lower, `${label}: lower`).toBeLessThanOrEqual(truth * (1 + ORACLE))
  expect(bound.upper, `${label}: upper`).toBeGreaterThanOrEqual(truth * (1 - ORACLE))
}

const count = process.env.LIP_ONNX_SLOW ? 10_000 : 250

describe('encloseConvolution', () => {
  it(`holds against a dense SVD on ${count} random geometries and kernels`, { timeout: 3_600_000 }, () => {
    let tight = 0
    for (let i = 0; i < count; i++) {
      const structure = randomConvolution([20, i], process.env.LIP_ONNX_SLOW ? 90 : 120)
      const truth = denseNorm(structure)
      const bound = encloseConvolution(structure)
      expectEnclosed(bound, truth, `geometry ${i} (${structure.label})`)
      if (bound.upper <= truth * (1 + 1e-6)) tight++
    }
    // Maps this small are proved on the finite operator itself.
    expect(tight).toBeGreaterThan(0.99 * count)
  })

  it('knows closed forms', () => {
    // Orthonormal columns and co >= ci k k: TᵀT counts windows, so sigma = 3 for a 3 x 3 kernel with inner windows.
    const weights = new Float64Array(9 * 9)
    for (let o = 0; o < 9; o++) weights[o * 9 + o] = 1
    const bound = encloseConvolution(
      convolution([9, 1, 3, 3], weights, [28, 28], { padsBegin: [1, 1], padsEnd: [1, 1] }),
    )
    expect(bound.lower).toBeCloseTo(3, 9)
    expect(bound.upper).toBeGreaterThanOrEqual(3)
    expect(bound.upper).toBeLessThan(3 * (1 + 1e-7))
    // The adjacency matrix of a path with n vertices has norm 2 cos(pi / (n + 1)).
    for (const n of [2, 7, 40, 400]) {
      const path = convolution([1, 1, 3], [1, 0, 1], [n], { padsBegin: [1], padsEnd: [1] })
      expectEnclosed(encloseConvolution(path), 2 * Math.cos(Math.PI / (n + 1)), `path ${n}`)
    }
  })

  it('gives zero to what reads only padding and to what is empty', () => {
    const outside = convolution([2, 2, 1], [1, 2, 3, 4], [3], { padsBegin: [5], padsEnd: [-3] })
    expect(denseNorm(outside)).toBe(0)
    expect(encloseConvolution(outside)).toMatchObject({ lower: 0, upper: 0 })
    const short = convolution([1, 1, 5], [1, 1, 1, 1, 1], [3])
    expect(encloseConvolution(short)).toMatchObject({ lower: 0, upper: 0 })
    const zeros = convolution([2, 3, 3, 3], new Float64Array(54), [8, 8])
    expect(encloseConvolution(zeros)).toMatchObject({ lower: 0, upper: 0 })
  })

  it('proves nothing from weights that are not finite', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const bound = encloseConvolution(convolution([1, 1, 3], [1, bad, 1], [9]))
      expect(bound).toMatchObject({ lower: 0, upper: Number.POSITIVE_INFINITY })
    }
  })

  it('scales exactly by powers of two over the whole range of float32 and beyond', () => {
    const data = normalVector(2 * 3 * 9, 5).map(Math.fround)
    const geometry = { padsBegin: [1, 1], padsEnd: [1, 1] }
    const base = encloseConvolution(convolution([2, 3, 3, 3], data, [6, 6], geometry))
    for (const exponent of [-149, -126, -40, 40, 100, 500, -900]) {
      const scaled = encloseConvolution(
        convolution(
          [2, 3, 3, 3],
          data.map((x) => x * 2 ** exponent),
          [6, 6],
          geometry,
        ),
      )
      expect(scaled.upper).toBe(base.upper * 2 ** exponent)
      expect(scaled.lower).toBe(base.lower * 2 ** exponent)
    }
    // Below the normal range of float64 the weights themselves are rounded: still an enclosure of what they are.
    const denormal = convolution(
      [2, 3, 3, 3],
      data.map((x) => x * 2 ** -1066),
      [6, 6],
      geometry,
    )
    const lifted = denseNorm({
      ...denormal,
      weights: { ...denormal.weights, data: denormal.weights.data.map((x) => x * 2 ** 900) },
    })
    const bound = encloseConvolution(denormal)
    expect(bound.upper).toBeGreaterThanOrEqual(lifted * 2 ** -900)
    expect(bound.lower).toBeLessThanOrEqual(lifted * 2 ** -900)
    expect(bound.lower).toBeGreaterThan(0)
  })

  it('finds one planted frequency between the points of every grid', () => {
    // cos(w t) along the taps: the symbol peaks sharply at w and is small elsewhere.
    for (const w of [0.1, 0.77, 1.3, 2.9]) {
      const kernel = Float64Array.from({ length: 15 }, (_, t) => Math.cos(w * (t - 7)))
      const planted = convolution([1, 1, 15], kernel, [60], { padsBegin: [7], padsEnd: [7] })
      const truth = denseNorm(planted)
      expectEnclosed(encloseConvolution(planted), truth, `w = ${w}`)
      expect(encloseTorus(planted).upper).toBeGreaterThanOrEqual(truth)
    }
  })

  it('pays for the error of the weights', () => {
    const relativeError = 1e-3
    const stored = randomWeights()
    const bound = encloseConvolution({ ...stored, weights: { ...stored.weights, relativeError } })
    for (let trial = 0; trial < 20; trial++) {
      // |stored - true| <= e |true| elementwise, at its extremes.
      const noise = normalVector(stored.weights.data.length, 9, trial)
      const signs = trial === 0 ? noise.map(() => 1) : trial === 1 ? noise.map(() => -1) : noise.map(Math.sign)
      const data = stored.weights.data.map((x, i) => x / (1 - 0.999999 * relativeError * signs[i]!))
      expectEnclosed(bound, denseNorm({ ...stored, weights: { ...stored.weights, data } }), `trial ${trial}`)
    }
    const unknown = encloseConvolution({
      ...stored,
      weights: { ...stored.weights, relativeError: Number.POSITIVE_INFINITY },
    })
    expect(unknown).toMatchObject({ lower: 0, upper: Number.POSITIVE_INFINITY })
    const shifted = encloseConvolution({ ...stored, perturbation: 0.25 })
    const plain = encloseConvolution(stored)
    expect(shifted.upper).toBeGreaterThanOrEqual(plain.upper + 0.25)
    expect(shifted.lower).toBeLessThanOrEqual(plain.lower - 0.25)
  })

  it('is deterministic', () => {
    expect(encloseConvolution(randomWeights())).toEqual(encloseConvolution(randomWeights()))
  })

  function randomWeights() {
    return convolution([3, 2, 3, 3], normalVector(54, 3), [5, 6], { padsBegin: [1, 1], padsEnd: [1, 1] })
  }
})

describe('encloseTorus', () => {
  it('bounds every size and padding, and is approached by large ones', () => {
    for (let i = 0; i < 12; i++) {
      const structure = randomConvolution([77, i], 60)
      const { upper, lower } = encloseTorus(structure)
      expect(lower).toBe(0)
      for (const grow of [0, 1, 3]) {
        const larger = { ...structure, spatial: structure.spatial.map((n) => n + grow) }
        expect(upper).toBeGreaterThanOrEqual(denseNorm(larger) * (1 - ORACLE))
      }
    }
    const wide = convolution([1, 1, 3], [1, -2, 1], [300], { padsBegin: [1], padsEnd: [1] })
    // |1 - 2 e^{iw} + e^{2iw}| peaks at pi with 4.
    expect(encloseTorus(wide).upper).toBeGreaterThanOrEqual(4)
    expect(encloseTorus(wide).upper).toBeLessThan(4 * (1 + 5e-4))
  })
})

describe('encloseCircular', () => {
  it('is exact for periodic signals, where the zero-padded bound would be too small', () => {
    let above = 0
    for (let i = 0; i < 60; i++) {
      const stride = 1 + (i % 2)
      const kernel = 2 + (i % 3)
      const size = stride * (2 + (i % 4))
      // As many wrapped positions as make the outputs size / stride.
      const padded = kernel - stride
      const structure = convolution([3, 2, kernel], normalVector(6 * kernel, i), [size], {
        strides: [stride],
        padsBegin: [Math.max(0, padded)],
        padsEnd: [Math.min(0, padded)],
      })
      const truth = circularNorm(structure)
      const bound = encloseCircular(structure)!
      expectEnclosed(bound, truth, `wrap ${i}`)
      expect(bound.upper / bound.lower).toBeLessThan(1 + 1e-6)
      if (truth > encloseConvolution(structure).upper) above++
    }
    expect(above).toBeGreaterThan(10)
    expect(encloseCircular(convolution([1, 1, 3], [1, 2, 3], [5]))).toBeUndefined()
  })
})

describe('one position stands for all where an axis has one tap', () => {
  it('on maps that are too large for anything else', () => {
    const wide = convolution([6, 4, 1, 1], normalVector(24, 2), [400, 400], { strides: [2, 1], padsBegin: [1, 0] })
    const small = convolution([6, 4, 1, 1], normalVector(24, 2), [2, 1], { strides: [1, 1] })
    const bound = encloseConvolution(wide)
    expectEnclosed(bound, denseNorm(small), 'pointwise')
    expect(bound.upper / bound.lower).toBeLessThan(1 + 1e-6)
    const strip = convolution([2, 2, 1, 3], normalVector(12, 3), [3, 9], { padsBegin: [0, 1], padsEnd: [0, 1] })
    expectEnclosed(encloseConvolution(strip), denseNorm(strip), 'strip')
  })
})
