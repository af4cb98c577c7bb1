/**
 * Cholesky as a test of positive definiteness. If the factorisation of the floating-point matrix H runs to its end with
 * positive pivots, then H + E is positive semidefinite with |E| bounded by `choleskySlack`, in any order of summation
 * (Higham, theorem 10.3; Rump, Verification of positive definiteness, BIT 46, 2006). NaN makes a pivot test fail.
 * @module
 */
import { gamma } from './rounding.ts'
import type { VectorRoom } from './vector-room.ts'

/**
 * Bound of the spectral norm of E for a size-n factorisation of a matrix with trace at most `trace`.
 * |E| <= g(n+1) |R|ᵀ|R| elementwise, whose norm is at most g |R|_F² and |R|_F² <= trace / (1 - g). For complex entries each of the
 * two real parts is a real sum of 2n products, bounded by |r||s| through Cauchy-Schwarz: g(2n+8) sqrt(2).
 */
export function choleskySlack(n: number, trace: number, field: 'real' | 'complex'): number {
  const g = field === 'real' ? gamma(n + 8) : 1.4143 * gamma(2 * n + 8)
  return g < 0.5 ? (g / (1 - g)) * trace * (1 + 2 ** -40) : Number.POSITIVE_INFINITY
}

/**
 * Symmetric band storage for `factorsBand`: rows in blocks of four, each block holding columns `block - band .. block + 3`. A
 * factorisation looks back no further than the band, so a ring of blocks is enough where the rows are made on the way.
 */
export interface Band {
  /** Padded to a multiple of 4; the padding is an identity block. */
  readonly size: number
  /** Columns kept to the left of the diagonal block, a multiple of 4. */
  readonly band: number
  /** Blocks held: block k lies in slot k mod slots. */
  readonly slots: number
  readonly data: Float64Array
  /** Where the data lie at the start of a room. */
  readonly room?: VectorRoom
}

const bandOf = (size: number, halfWidth: number): number => Math.min((Math.max(0, halfWidth) + 3) & ~3, size - 4)

/** An empty band matrix for n rows whose entries (i, j) vanish for i - j > halfWidth. */
export function createBand(n: number, halfWidth: number): Band {
  const size = (n + 3) & ~3
  const band = bandOf(size, halfWidth)
  return { size, band, slots: size / 4, data: new Float64Array(size * (band + 4)) }
}

/** Doubles of a ring. */
export const ringSize = (n: number, halfWidth: number): number => (bandOf((n + 3) & ~3, halfWidth) + 4) ** 2

/** The same matrix as a ring of rows, of which nothing is known yet. */
export function createRing(n: number, halfWidth: number, room?: VectorRoom): Band {
  const size = (n + 3) & ~3
  const band = bandOf(size, halfWidth)
  const doubles = (band + 4) ** 2
  const ring = { size, band, slots: (band + 4) / 4 }
  return room
    ? { ...ring, data: room.doubles.subarray(0, doubles), room }
    : { ...ring, data: new Float64Array(doubles) }
}

/** Where entry (i, j), j <= i, of a band matrix lies. */
export function bandIndex({ band, slots }: Band, i: number, j: number): number {
  return (((i >> 2) % slots) * 4 + (i & 3)) * (band + 4) + j - (i & ~3) + band
}

/**
 * Factors a symmetric band matrix (lower part) in place; true when every pivot was positive.
 * @param fill overwrites rows i .. i + 3 when they are due, for a ring
 */
export function factorsBand(matrix: Band, fill?: (i: number) => void): boolean {
  const { size, band, slots, data: l, room } = matrix
  const width = band + 4
  for (let i = 0; i < size; i += 4) {
    fill?.(i)
    const first = Math.max(0, i - band)
    const r0 = ((i >> 2) % slots) * 4 * width - i + band
    if (room) {
      // Up to the end of the ring, and on from its start.
      const blocks = (i - first) >> 2
      const slot = (first >> 2) % slots
      const before = Math.min(blocks, slots - slot)
      const rows = 8 * (r0 + first)
      room.reduceFour(rows, 8 * (slot * 4 * width + band), before, 8 * width, 0)
      room.reduceFour(rows, 8 * (band - 4 * before), blocks - before, 8 * width, before)
    } else reduceFour(matrix, i, first, r0)
    for (let a = 0; a < 4; a++) {
      const r = r0 + a * width
      for (let b = 0; b <= a; b++) {
        const s = r0 + b * width
        let sum = l[r + i + b]!
        for (let q = first; q < i + b; q++) sum -= l[r + q]! * l[s + q]!
        if (a === b) {
          // Written so that NaN fails.
          if (!(sum > 0)) return false
          l[r + i + b] = Math.sqrt(sum)
        } else l[r + i + b] = sum / l[s + i + b]!
      }
    }
  }
  return true
}

/** Final values of the columns left of the diagonal block of rows i .. i + 3. */
function reduceFour({ band, slots, data: l }: Band, i: number, first: number, r0: number): void {
  const width = band + 4
  const r1 = r0 + width
  const r2 = r1 + width
  const r3 = r2 + width
  for (let j = first; j < i; j += 2) {
    // Rows j, j+1 lie in one block of four; their offset is that of the block.
    const s0 = (((j >> 2) % slots) * 4 + (j & 3)) * width - (j & ~3) + band
    const s1 = s0 + width
    let a00 = l[r0 + j]!
    let a01 = l[r0 + j + 1]!
    let a10 = l[r1 + j]!
    let a11 = l[r1 + j + 1]!
    let a20 = l[r2 + j]!
    let a21 = l[r2 + j + 1]!
    let a30 = l[r3 + j]!
    let a31 = l[r3 + j + 1]!
    for (let q = first; q < j; q++) {
      const y0 = l[s0 + q]!
      const y1 = l[s1 + q]!
      const x0 = l[r0 + q]!
      const x1 = l[r1 + q]!
      a00 -= x0 * y0
      a01 -= x0 * y1
      a10 -= x1 * y0
      a11 -= x1 * y1
      const x2 = l[r2 + q]!
      const x3 = l[r3 + q]!
      a20 -= x2 * y0
      a21 -= x2 * y1
      a30 -= x3 * y0
      a31 -= x3 * y1
    }
    const p0 = l[s0 + j]!
    const c = l[s1 + j]!
    const p1 = l[s1 + j + 1]!
    a00 /= p0
    a10 /= p0
    a20 /= p0
    a30 /= p0
    l[r0 + j] = a00
    l[r1 + j] = a10
    l[r2 + j] = a20
    l[r3 + j] = a30
    l[r0 + j + 1] = (a01 - a00 * c) / p1
    l[r1 + j + 1] = (a11 - a10 * c) / p1
    l[r2 + j + 1] = (a21 - a20 * c) / p1
    l[r3 + j + 1] = (a31 - a30 * c) / p1
  }
}

/** A Hermitian band matrix (lower part): rows in blocks of two, each block holding columns `block - band .. block + 1`. */
export interface HermitianBand {
  /** Even. */
  readonly size: number
  /** Even. */
  readonly band: number
  readonly re: Float64Array
  readonly im: Float64Array
  /** Where the real parts lie at the start of a room, and the imaginary parts right behind them. */
  readonly room?: VectorRoom
}

/** @param room where to work, if there is one: the matrix then holds what was there */
export function createHermitianBand(n: number, halfWidth: number, room?: VectorRoom): HermitianBand {
  const { size, band, doubles } = hermitianShape(n, halfWidth)
  return room
    ? { size, band, re: room.doubles.subarray(0, doubles), im: room.doubles.subarray(doubles, 2 * doubles), room }
    : { size, band, re: new Float64Array(doubles), im: new Float64Array(doubles) }
}

function hermitianShape(n: number, halfWidth: number) {
  const size = (n + 1) & ~1
  const band = Math.max(0, Math.min((halfWidth + 1) & ~1, size - 2))
  return { size, band, doubles: size * (band + 2) }
}

/** Doubles of the matrix, both parts. */
export const hermitianSize = (n: number, halfWidth: number): number => 2 * hermitianShape(n, halfWidth).doubles

/** Where entry (i, j), j <= i, of a Hermitian band matrix lies. */
export function hermitianIndex({ band }: HermitianBand, i: number, j: number): number {
  return i * (band + 2) + j - (i & ~1) + band
}

/** Factors a Hermitian band matrix in place; true when every pivot was positive. */
export function factorsHermitianBand(matrix: HermitianBand): boolean {
  const { size, band, re, im, room } = matrix
  const width = band + 2
  for (let i = 0; i < size; i += 2) {
    const first = Math.max(0, i - band)
    const r0 = i * width - i + band
    const r1 = r0 + width
    if (room)
      room.reduceTwo(8 * (r0 + first), 8 * (first * width + band), 8 * re.length, (i - first) >> 1, 8 * width, 0)
    else reduceTwo(matrix, i, first, r0)
    let p = re[r0 + i]!
    let q = re[r1 + i + 1]!
    let c = re[r1 + i]!
    let d = im[r1 + i]!
    for (let k = first; k < i; k++) {
      const x0 = re[r0 + k]!
      const u0 = im[r0 + k]!
      const x1 = re[r1 + k]!
      const u1 = im[r1 + k]!
      p -= x0 * x0 + u0 * u0
      q -= x1 * x1 + u1 * u1
      c -= x1 * x0 + u1 * u0
      d -= u1 * x0 - x1 * u0
    }
    if (!(p > 0)) return false
    const root = Math.sqrt(p)
    c /= root
    d /= root
    q -= c * c + d * d
    if (!(q > 0)) return false
    re[r0 + i] = root
    re[r1 + i] = c
    im[r1 + i] = d
    re[r1 + i + 1] = Math.sqrt(q)
  }
  return true
}

/** Final values of the columns left of the diagonal block of rows i and i + 1. */
function reduceTwo({ band, re, im }: HermitianBand, i: number, first: number, r0: number): void {
  const width = band + 2
  const r1 = r0 + width
  for (let j = first; j < i; j += 2) {
    const s0 = j * width - j + band
    const s1 = s0 + width
    let a00 = re[r0 + j]!
    let a01 = re[r0 + j + 1]!
    let a10 = re[r1 + j]!
    let a11 = re[r1 + j + 1]!
    let b00 = im[r0 + j]!
    let b01 = im[r0 + j + 1]!
    let b10 = im[r1 + j]!
    let b11 = im[r1 + j + 1]!
    for (let q = first; q < j; q++) {
      const x0 = re[r0 + q]!
      const u0 = im[r0 + q]!
      const y0 = re[s0 + q]!
      const v0 = im[s0 + q]!
      a00 -= x0 * y0 + u0 * v0
      b00 -= u0 * y0 - x0 * v0
      const x1 = re[r1 + q]!
      const u1 = im[r1 + q]!
      a10 -= x1 * y0 + u1 * v0
      b10 -= u1 * y0 - x1 * v0
      const y1 = re[s1 + q]!
      const v1 = im[s1 + q]!
      a01 -= x0 * y1 + u0 * v1
      b01 -= u0 * y1 - x0 * v1
      a11 -= x1 * y1 + u1 * v1
      b11 -= u1 * y1 - x1 * v1
    }
    const p0 = re[s0 + j]!
    const p1 = re[s1 + j + 1]!
    const c = re[s1 + j]!
    const d = im[s1 + j]!
    a00 /= p0
    b00 /= p0
    a10 /= p0
    b10 /= p0
    re[r0 + j] = a00
    im[r0 + j] = b00
    re[r1 + j] = a10
    im[r1 + j] = b10
    re[r0 + j + 1] = (a01 - (a00 * c + b00 * d)) / p1
    im[r0 + j + 1] = (b01 - (b00 * c - a00 * d)) / p1
    re[r1 + j + 1] = (a11 - (a10 * c + b10 * d)) / p1
    im[r1 + j + 1] = (b11 - (b10 * c - a10 * d)) / p1
  }
}
