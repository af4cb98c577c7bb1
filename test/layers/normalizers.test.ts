import { beforeAll, describe, expect, it } from 'vitest'
import {
  bjorckGram,
  bjorckNormalization,
  reshapedKernelOrthogonalization,
  soundNormBound,
} from '../../src/layers/normalizers/index.ts'
import * as tf from '../../src/layers/tf.ts'
import { randomStream } from '../../src/linalg/random.ts'
import { startBackend } from '../../src/training/backend.ts'
import { largestSingularValue, matrixOf } from './linear-map.ts'

const STRICT = {
  epsSpectral: 1e-3,
  epsBjorck: 1e-3,
  betaBjorck: 0.5,
  maxiterSpectral: 10,
  maxiterBjorck: 15,
  compat: null,
} as const

function gaussian(rows: number, columns: number, seed: number): tf.Tensor2D {
  const { normal } = randomStream(seed)
  return tf.tensor2d(Float32Array.from({ length: rows * columns }, normal), [rows, columns])
}

describe('strict reshaped-kernel orthogonalisation', () => {
  beforeAll(async () => {
    await startBackend('wasm')
  })

  it('is sound where power iteration is blind to the largest singular value', () => {
    tf.tidy(() => {
      // u is exactly a singular vector of a smaller value: no iteration ever leaves it.
      for (const top of [1.9, 2.1, 2.3, 10, 1000]) {
        const kernel = tf.tensor2d([top, 0, 0, 0, 1, 0, 0, 0, 0.5], [3, 3])
        const u = tf.tensor2d([0, 1, 0], [1, 3])
        for (const options of [
          STRICT,
          { ...STRICT, maxiterBjorck: 1 },
          { ...STRICT, epsBjorck: null },
          { ...STRICT, betaBjorck: 0.25 },
        ]) {
          const { wbar, sigma } = reshapedKernelOrthogonalization(kernel, u, 1, options)
          expect(sigma.dataSync()[0]).toBeCloseTo(1, 5)
          expect(largestSingularValue(matrixOf(wbar)), `${top}`).toBeLessThanOrEqual(1 + 1e-6)
        }
        // What deel-lip's formula makes of it: unbounded above sqrt(5).
        if (top > 2.3) {
          const theirs = reshapedKernelOrthogonalization(kernel, u, 1, {
            ...STRICT,
            maxiterBjorck: 1,
            compat: 'deel-lip',
          })
          expect(largestSingularValue(matrixOf(theirs.wbar))).toBeGreaterThan(2)
        }
      }
    })
  })

  it('equals deel-lip where deel-lip is right, up to the slack', () => {
    tf.tidy(() => {
      for (const [rows, columns] of [
        [9, 16],
        [40, 8],
        [7, 7],
        [144, 32],
      ] as const) {
        const kernel = gaussian(rows, columns, rows)
        const u = gaussian(1, columns, 1)
        const strict = reshapedKernelOrthogonalization(kernel, u, 0.5, {
          ...STRICT,
          maxiterBjorck: 30,
          epsBjorck: 1e-6,
        })
        const theirs = reshapedKernelOrthogonalization(kernel, u, 0.5, {
          ...STRICT,
          maxiterBjorck: 30,
          epsBjorck: 1e-6,
          compat: 'deel-lip',
        })
        const difference = tf.max(tf.abs(tf.sub(strict.wbar, theirs.wbar))).dataSync()[0]!
        expect(difference, `${rows}x${columns}`).toBeLessThan(1e-4)
      }
    })
  })

  it('Gram-space Björck is Björck', () => {
    tf.tidy(() => {
      for (const [rows, columns] of [
        [60, 6],
        [300, 20],
        [12, 12],
      ] as const) {
        const w = tf.div(gaussian(rows, columns, 5), Math.sqrt(rows) + Math.sqrt(columns)) as tf.Tensor2D
        const options = { eps: 1e-3, beta: 0.5, maxiter: 25 }
        const difference = tf.norm(tf.sub(bjorckGram(w, options), bjorckNormalization(w, options))).dataSync()[0]!
        expect(difference, `${rows}x${columns}`).toBeLessThan(1e-4)
      }
    })
  })

  it('the norm bound is a bound, and tight after ten squarings', () => {
    tf.tidy(() => {
      for (let seed = 0; seed < 20; seed++) {
        const columns = 1 + (seed % 7)
        const w = gaussian(columns + seed, columns, seed)
        const norm = largestSingularValue(matrixOf(w))
        for (const squarings of [0, 2, 10]) {
          const bound = soundNormBound(w, squarings).dataSync()[0]!
          expect(bound).toBeGreaterThanOrEqual(norm)
          expect(bound).toBeLessThanOrEqual(norm * columns ** (1 / 2 ** (squarings + 2)) * (1 + 1e-5))
        }
      }
    })
  })

  it('version 1.2.0: three normalised power steps, fifteen Björck steps with beta 1/4, in float64', () => {
    tf.tidy(() => {
      const rows = 6
      const columns = 4
      const kernel = gaussian(rows, columns, 9)
      const u = gaussian(1, columns, 2)
      const w = [...kernel.dataSync()]
      let vector = [...u.dataSync()]
      let image: number[] = []
      const unit = (x: number[]): number[] => x.map((value) => value / Math.hypot(...x))
      for (let i = 0; i < 3; i++) {
        image = unit(
          Array.from({ length: rows }, (_, r) =>
            vector.reduce((sum, value, c) => sum + value * w[r * columns + c]!, 0),
          ),
        )
        vector = unit(
          Array.from({ length: columns }, (_, c) =>
            image.reduce((sum, value, r) => sum + value * w[r * columns + c]!, 0),
          ),
        )
      }
      const sigma = image.reduce(
        (sum, value, r) => sum + value * vector.reduce((s, x, c) => s + x * w[r * columns + c]!, 0),
        0,
      )
      let matrix = w.map((value) => value / sigma)
      for (let i = 0; i < 15; i++) {
        const gram = (a: number, b: number): number =>
          Array.from({ length: rows }, (_, r) => matrix[r * columns + a]! * matrix[r * columns + b]!).reduce(
            (x, y) => x + y,
          )
        const grams = Array.from({ length: columns }, (_, a) => Array.from({ length: columns }, (_, b) => gram(a, b)))
        matrix = matrix.map((value, index) => {
          const r = Math.floor(index / columns)
          const c = index % columns
          const cube = grams.reduce((sum, row, k) => sum + matrix[r * columns + k]! * row[c]!, 0)
          return 1.25 * value - 0.25 * cube
        })
      }
      const result = reshapedKernelOrthogonalization(kernel, u, 0.5, {
        epsSpectral: 1e-3,
        epsBjorck: 1e-3,
        betaBjorck: 0.25,
        maxiterSpectral: 3,
        maxiterBjorck: 15,
        compat: 'deel-lip-1.2',
      })
      expect(result.sigma.dataSync()[0]).toBeCloseTo(sigma, 4)
      const actual = result.wbar.dataSync()
      matrix.forEach((value, i) => {
        expect(actual[i]).toBeCloseTo(0.5 * value, 4)
      })
    })
  })
})
