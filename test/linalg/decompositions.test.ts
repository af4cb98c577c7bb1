import { describe, expect, it } from 'vitest'
import {
  type Band,
  bandIndex,
  choleskySlack,
  createBand,
  createHermitianBand,
  createRing,
  factorsBand,
  factorsHermitianBand,
  hermitianIndex,
  hermitianSize,
  ringSize,
} from '../../src/linalg/cholesky.ts'
import { lanczosLower, lanczosTop } from '../../src/linalg/lanczos.ts'
import { normalVector } from '../../src/linalg/normal-vector.ts'
import { addProductTransposed } from '../../src/linalg/product.ts'
import { singularValues } from '../../src/linalg/singular-values.ts'
import { symmetricEigen } from '../../src/linalg/symmetric-eigen.ts'
import { withRoom } from '../../src/linalg/vector-room.ts'

/** A symmetric matrix with the given eigenvalues, by a random rotation. */
function withSpectrum(values: readonly number[], seed: number): Float64Array {
  const n = values.length
  const { vectors } = symmetricEigen(symmetrised(normalVector(n * n, seed), n), n)
  const a = new Float64Array(n * n)
  for (let k = 0; k < n; k++)
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) a[i * n + j] += values[k]! * vectors[k]![i]! * vectors[k]![j]!
  return a
}

function symmetrised(a: Float64Array, n: number): Float64Array {
  return a.map((_, k) => a[k]! + a[(k % n) * n + Math.floor(k / n)]!)
}

function banded(a: Float64Array, n: number, halfWidth: number) {
  const band = createBand(n, halfWidth)
  for (let i = 0; i < n; i++)
    for (let j = Math.max(0, i - halfWidth); j <= i; j++) band.data[bandIndex(band, i, j)] = a[i * n + j]!
  return band
}

/** Overwrites rows first .. last - 1 of `target` with those of shift I - source, identity on the padding. */
function shiftedNegative(target: Band, source: Band, n: number, shift: number, first = 0, last = source.size): void {
  for (let i = first; i < last; i++) {
    for (let j = (i & ~3) - source.band; j <= i; j++)
      target.data[bandIndex(target, i, j)] = j < 0 ? 0 : -source.data[bandIndex(source, i, j)]!
    const d = bandIndex(target, i, i)
    target.data[d] = i < n ? shift + target.data[d]! : 1
  }
}

function factorsHermitian(re: Float64Array, im: Float64Array, n: number, halfWidth = n): boolean {
  const band = createHermitianBand(n, halfWidth)
  for (let i = 0; i < band.size; i++)
    for (let j = Math.max(0, i - halfWidth); j <= i; j++) {
      const at = hermitianIndex(band, i, j)
      band.re[at] = i < n ? re[i * n + j]! : i === j ? 1 : 0
      band.im[at] = i < n ? im[i * n + j]! : 0
    }
  return factorsHermitianBand(band)
}

describe('Cholesky as a test of definiteness', () => {
  it('accepts above and rejects below the top eigenvalue, for every size and band', () => {
    for (const n of [1, 2, 3, 4, 5, 7, 8, 13, 30])
      for (const halfWidth of [0, 1, 2, 5, n - 1]) {
        if (halfWidth > n - 1) continue
        const a = symmetrised(normalVector(n * n, n, halfWidth), n).map((x, k) =>
          Math.abs(Math.floor(k / n) - (k % n)) > halfWidth ? 0 : x,
        )
        const top = symmetricEigen(a, n).values[0]!
        const source = banded(a, n, halfWidth)
        const work = { ...source, data: new Float64Array(source.data.length) }
        for (const [shift, definite] of [
          [top + 1e-9 * (1 + Math.abs(top)), true],
          [top - 1e-9 * (1 + Math.abs(top)), false],
        ] as const) {
          shiftedNegative(work, source, n, shift)
          expect(factorsBand(work), `n ${n} band ${halfWidth} shift ${shift}`).toBe(definite)
        }
      }
  })

  it('a ring of rows that are made on the way is the same factorisation', () => {
    for (const [n, halfWidth] of [
      [1, 0],
      [40, 0],
      [41, 3],
      [64, 9],
      [50, 40],
      [30, 29],
    ] as const) {
      const a = symmetrised(normalVector(n * n, 3, n), n).map((x, k) =>
        Math.abs(Math.floor(k / n) - (k % n)) > halfWidth ? 0 : x,
      )
      const top = symmetricEigen(a, n).values[0]!
      const source = banded(a, n, halfWidth)
      const whole = { ...source, data: new Float64Array(source.data.length) }
      const ring = createRing(n, halfWidth)
      // What a ring held before is not seen.
      ring.data.fill(Number.NaN)
      for (const shift of [top + 1, top - 1e-9 * (1 + Math.abs(top))]) {
        shiftedNegative(whole, source, n, shift)
        const definite = factorsBand(whole)
        expect(factorsBand(ring, (i) => shiftedNegative(ring, source, n, shift, i, i + 4))).toBe(definite)
        if (!definite) continue
        for (let i = Math.max(0, ring.size - 4); i < n; i++)
          for (let j = Math.max(0, i - halfWidth); j <= i; j++)
            expect(ring.data[bandIndex(ring, i, j)]).toBe(whole.data[bandIndex(whole, i, j)])
      }
    }
  })

  it('vector code in a room is the same factorisation up to rounding, wherever the ring wraps', () => {
    for (const [n, halfWidth] of [
      [4, 0],
      [5, 4],
      [40, 3],
      [41, 9],
      [97, 17],
      [64, 63],
    ] as const) {
      const a = symmetrised(normalVector(n * n, 4, n), n).map((x, k) =>
        Math.abs(Math.floor(k / n) - (k % n)) > halfWidth ? 0 : x,
      )
      const top = symmetricEigen(a, n).values[0]!
      const source = banded(a, n, halfWidth)
      const whole = { ...source, data: new Float64Array(source.data.length) }
      withRoom(ringSize(n, halfWidth), (room) => {
        expect(room).toBeDefined()
        const ring = createRing(n, halfWidth, room)
        ring.data.fill(Number.NaN)
        for (const [shift, definite] of [
          [top + 1, true],
          [top + 1e-9 * (1 + top), true],
          [top - 1e-9 * (1 + top), false],
        ] as const) {
          shiftedNegative(whole, source, n, shift)
          expect(factorsBand(whole)).toBe(definite)
          expect(factorsBand(ring, (i) => shiftedNegative(ring, source, n, shift, i, i + 4))).toBe(definite)
          // Where the matrix is well conditioned, what a ring still holds are the numbers of the whole.
          if (shift !== top + 1) continue
          for (let i = Math.max(0, ring.size - ring.band - 4); i < n; i++)
            for (let j = Math.max(0, i - halfWidth); j <= i; j++)
              expect(Math.abs(ring.data[bandIndex(ring, i, j)]! - whole.data[bandIndex(whole, i, j)]!)).toBeLessThan(
                1e-12,
              )
        }
      })
    }
  })

  it('factors Hermitian matrices: real embedding agrees', () => {
    for (const [n, halfWidth] of [
      [1, 1],
      [2, 2],
      [3, 3],
      [6, 6],
      [13, 13],
      [13, 0],
      [12, 3],
      [13, 4],
    ] as const) {
      const inside = (x: number, k: number) => (Math.abs(Math.floor(k / n) - (k % n)) > halfWidth ? 0 : x)
      const re = symmetrised(normalVector(n * n, 1, n), n).map(inside)
      const raw = normalVector(n * n, 2, n)
      const im = raw.map((x, k) => inside(x - raw[(k % n) * n + Math.floor(k / n)]!, k))
      const real = new Float64Array(4 * n * n)
      for (let i = 0; i < n; i++)
        for (let j = 0; j < n; j++) {
          real[i * 2 * n + j] = real[(i + n) * 2 * n + j + n] = re[i * n + j]!
          real[i * 2 * n + j + n] = -im[i * n + j]!
          real[(i + n) * 2 * n + j] = im[i * n + j]!
        }
      const least = symmetricEigen(real, 2 * n).values.at(-1)!
      for (const [shift, definite] of [
        [-least + 1e-9, true],
        [-least - 1e-9, false],
      ] as const) {
        const shifted = re.slice()
        for (let i = 0; i < n; i++) shifted[i * n + i] += shift
        expect(factorsHermitian(shifted, im.slice(), n, halfWidth), `n ${n} band ${halfWidth}`).toBe(definite)
      }
    }
  })

  it('vector code in a room is the same Hermitian factorisation up to rounding', () => {
    for (const [n, halfWidth] of [
      [1, 1],
      [2, 2],
      [13, 13],
      [40, 3],
      [41, 8],
      [64, 64],
    ] as const) {
      const inside = (x: number, k: number) => (Math.abs(Math.floor(k / n) - (k % n)) > halfWidth ? 0 : x)
      const raw = normalVector(n * n, 6, n)
      const re = symmetrised(normalVector(n * n, 5, n), n).map(inside)
      const im = raw.map((x, k) => inside(x - raw[(k % n) * n + Math.floor(k / n)]!, k))
      const bound =
        1 +
        Math.max(
          ...Array.from({ length: n }, (_, i) =>
            re.slice(i * n, i * n + n).reduce((a, x, j) => a + Math.hypot(x, im[i * n + j]!), 0),
          ),
        )
      withRoom(hermitianSize(n, halfWidth), (room) => {
        room!.doubles.fill(Number.NaN)
        for (const shift of [bound, -bound, bound / 4]) {
          const [plain, vector] = [createHermitianBand(n, halfWidth), createHermitianBand(n, halfWidth, room)]
          for (const band of [plain, vector])
            for (let i = 0; i < band.size; i++)
              for (let j = Math.max(0, (i & ~1) - band.band); j <= i; j++) {
                const at = hermitianIndex(band, i, j)
                band.re[at] = (i < n ? re[i * n + j]! : 0) + (i === j ? (i < n ? shift : 1) : 0)
                band.im[at] = i < n ? im[i * n + j]! : 0
              }
          const definite = factorsHermitianBand(plain)
          expect(factorsHermitianBand(vector)).toBe(definite)
          if (shift !== bound) continue
          expect(definite).toBe(true)
          for (let i = 0; i < n; i++)
            for (let j = Math.max(0, i - halfWidth); j <= i; j++) {
              const at = hermitianIndex(plain, i, j)
              expect(Math.abs(vector.re[at]! - plain.re[at]!)).toBeLessThan(1e-12)
              if (j < i) expect(Math.abs(vector.im[at]! - plain.im[at]!)).toBeLessThan(1e-12)
            }
        }
      })
    }
  })

  it('rejects NaN, zero and infinite pivots', () => {
    for (const bad of [Number.NaN, 0, -1]) {
      expect(factorsHermitian(Float64Array.of(1, 0, 0, bad), new Float64Array(4), 2)).toBe(false)
      expect(factorsHermitian(Float64Array.of(bad, 0, 0, 1), new Float64Array(4), 2)).toBe(false)
      const band = banded(Float64Array.of(1, 0, 0, bad), 2, 1)
      for (let i = 2; i < band.size; i++) band.data[bandIndex(band, i, i)] = 1
      expect(factorsBand(band)).toBe(false)
    }
    expect(factorsHermitian(Float64Array.of(1, 0, Number.NaN, 1), new Float64Array(4), 2)).toBe(false)
  })

  it('a matrix that is indefinite by less than the slack may pass, by more never', () => {
    const n = 24
    for (let seed = 0; seed < 20; seed++) {
      const values = Array.from({ length: n }, (_, k) => 1 + k)
      for (const depth of [1e-17, 1e-15, 1e-13, 1e-11, 1e-9]) {
        values[0] = -depth
        const a = withSpectrum(values, seed)
        const slack = choleskySlack(
          n,
          values.reduce((x, y) => x + y, 0),
          'real',
        )
        // The construction itself is only exact to about 1e-13 here: leave that out of the claim.
        if (factorsBand(padded(a, n))) expect(depth).toBeLessThan(slack + 2e-13)
      }
    }
    expect(choleskySlack(2 ** 53, 1, 'complex')).toBe(Number.POSITIVE_INFINITY)

    function padded(a: Float64Array, size: number) {
      const source = banded(a, size, size - 1)
      for (let i = size; i < source.size; i++) source.data[bandIndex(source, i, i)] = 1
      return source
    }
  })
})

describe('spectral decompositions', () => {
  it('recovers a planted spectrum', () => {
    const values = [5, 3, 3, 1, 0, -2]
    const { values: found, vectors } = symmetricEigen(withSpectrum(values, 3), 6)
    for (let k = 0; k < 6; k++) expect(found[k]).toBeCloseTo(values[k]!, 12)
    for (const v of vectors) expect(Math.hypot(...v)).toBeCloseTo(1, 12)
  })

  it('singular values of known matrices', () => {
    expect([...singularValues(Float64Array.of(3, 0, 0, -4), 2, 2)]).toEqual([4, 3])
    expect([...singularValues(new Float64Array(6), 2, 3)]).toEqual([0, 0])
    // Bidiagonal ones: 2 cos(k pi / (2 n + 1)).
    const n = 9
    const a = new Float64Array(n * n)
    for (let i = 0; i < n; i++) {
      a[i * n + i] = 1
      if (i > 0) a[i * n + i - 1] = 1
    }
    const values = singularValues(a, n, n)
    for (let k = 1; k <= n; k++) expect(values[k - 1]).toBeCloseTo(2 * Math.cos((k * Math.PI) / (2 * n + 1)), 13)
    const wide = normalVector(12, 4)
    const tall = Float64Array.from({ length: 12 }, (_, k) => wide[(k % 3) * 4 + Math.floor(k / 3)]!)
    const [of, its] = [singularValues(wide, 3, 4), singularValues(tall, 4, 3)]
    for (let k = 0; k < 3; k++) expect(of[k]).toBeCloseTo(its[k]!, 12)
  })

  it('Lanczos finds the top, restarted or not, and survives a null start', () => {
    const values = Array.from({ length: 40 }, (_, k) => 1 / (1 + k))
    const a = withSpectrum(values, 8)
    const multiply = (x: Float64Array, y: Float64Array) => {
      y.fill(0)
      addProductTransposed(y, 0, 1, a, 0, 40, x, 0, 40, 40, 1, 40)
    }
    for (const options of [{}, { basis: 6, steps: 60 }, { start: new Float64Array(40) }]) {
      const { value, vector } = lanczosTop(multiply, 40, options)
      expect(value).toBeCloseTo(1, 9)
      expect(Math.hypot(...vector)).toBeCloseTo(1, 12)
    }
    expect(lanczosTop((_, y) => y.fill(0), 5).value).toBe(0)
  })

  it('lanczosLower never exceeds the norm, even with a wrong adjoint, and subtracts the error', () => {
    const data = normalVector(12, 6)
    const truth = singularValues(data, 3, 4)[0]!
    const apply = (x: Float64Array) =>
      Float64Array.from({ length: 3 }, (_, i) => x.reduce((sum, v, j) => sum + v * data[i * 4 + j]!, 0))
    const adjoint = (y: Float64Array) =>
      Float64Array.from({ length: 4 }, (_, j) => y.reduce((sum, v, i) => sum + v * data[i * 4 + j]!, 0))
    const none = () => 0
    const bound = lanczosLower(apply, adjoint, 4, () => 1e-14)
    expect(bound.lower).toBeLessThanOrEqual(truth)
    expect(bound.lower).toBeGreaterThan(truth * (1 - 1e-9))
    expect(lanczosLower(apply, (y) => Float64Array.of(y[2]!, y[1]!, y[0]!, 1), 4, none).lower).toBeLessThanOrEqual(
      truth * (1 + 1e-14),
    )
    expect(lanczosLower(apply, adjoint, 4, () => 0.5).lower).toBeLessThan(bound.lower - 0.4)
    expect(lanczosLower(apply, adjoint, 4, () => 1e9).lower).toBe(0)
    expect(lanczosLower(() => Float64Array.of(Number.NaN), adjoint, 4, none).lower).toBe(0)
  })
})

describe('addProductTransposed', () => {
  it('adds A Bᵀ for every remainder of the blocking', () => {
    for (let rows = 1; rows <= 5; rows++)
      for (let columns = 1; columns <= 9; columns++)
        for (const depth of [1, 2, 5]) {
          const a = normalVector(rows * (depth + 1) + 1, 1)
          const b = normalVector(columns * (depth + 2) + 2, 2)
          const c = new Float64Array(rows * (columns + 3)).fill(1)
          addProductTransposed(c, 0, columns + 3, a, 1, depth + 1, b, 2, depth + 2, rows, columns, depth)
          for (let i = 0; i < rows; i++)
            for (let j = 0; j < columns + 3; j++) {
              let sum = 1
              if (j < columns)
                for (let k = 0; k < depth; k++) sum += a[1 + i * (depth + 1) + k]! * b[2 + j * (depth + 2) + k]!
              expect(c[i * (columns + 3) + j]).toBeCloseTo(sum, 12)
            }
        }
  })
})
