/**
 * Memory of this thread in which the inner loops of the proofs run as vector code, lent to one user at a time. Each loop is a
 * set of sums of products in another order than JavaScript's loops have; the bounds hold for any order.
 * @module
 */
import {
  assemble,
  type Code,
  constant,
  type Expression,
  get,
  type Local,
  load,
  plus,
  times,
  zeros,
} from '../webassembly/assemble.ts'
import { add, div, firsts, loadTwice, mul, seconds, sub } from '../webassembly/float64x2.ts'

export interface VectorRoom {
  /** All of the memory; what it held before is still there. */
  readonly doubles: Float64Array
  /**
   * Four rows of a Cholesky factorisation against `blocks` blocks of four earlier rows that lie one behind the other: the
   * columns of those blocks get their final values.
   * @param rows address of the first column of the band in the first of the four rows
   * @param earlier address of the same column in the first of the earlier rows
   * @param width bytes from row to row
   * @param done how many fours of columns lie between the first column and the diagonal of the first earlier block
   */
  reduceFour(rows: number, earlier: number, blocks: number, width: number, done: number): void
  /**
   * The same for two rows of a Hermitian matrix against blocks of two, addresses those of the real parts.
   * @param imaginary bytes from a real part to its imaginary part
   */
  reduceTwo(rows: number, earlier: number, imaginary: number, blocks: number, width: number, done: number): void
  /**
   * C += A Bᵀ, `C[i][j] += sum_k A[i][k] B[j][k]`, for 1 row (2 `pairs` of rows in `productPairs`), columns in fours and depth
   * in pairs. Addresses and strides in bytes.
   */
  product(c: number, a: number, b: number, bStride: number, columnFours: number, depthPairs: number): void
  productPairs(
    c: number,
    cStride: number,
    a: number,
    aStride: number,
    b: number,
    bStride: number,
    pairs: number,
    columnFours: number,
    depthPairs: number,
  ): void
}

type Run = (...parameters: number[]) => void

interface Held {
  readonly memory: WebAssembly.Memory
  readonly reduceFour: Run
  readonly reduceTwo: Run
  readonly product: Run
  readonly productPairs: Run
}

const PAGE = 2 ** 16
/** Doubles beyond which nothing is lent, and beyond which the memory is not kept. */
const MOST = 2 ** 27
const KEPT = 2 ** 23

let modules: readonly WebAssembly.Module[] | undefined | 'none'
let held: Held | undefined
let busy = false

/**
 * Lends a room of at least that many doubles; `use` gets undefined where there is none (an engine without vector
 * instructions, too large, the room is taken) and has to do its work in JavaScript.
 */
export function withRoom<T>(doubles: number, use: (room: VectorRoom | undefined) => T): T {
  const found = busy || doubles > MOST ? undefined : open(doubles)
  if (!found) return use(undefined)
  const { memory, ...run } = found
  busy = true
  try {
    return use({ doubles: new Float64Array(memory.buffer), ...run })
  } finally {
    busy = false
    if (memory.buffer.byteLength > 8 * KEPT) held = undefined
  }
}

function open(doubles: number): Held | undefined {
  const pages = Math.ceil((8 * doubles) / PAGE)
  try {
    modules ??= compile()
    if (modules === 'none') return undefined
    if (held) {
      const missing = pages - held.memory.buffer.byteLength / PAGE
      if (missing > 0) held.memory.grow(missing)
      return held
    }
    const memory = new WebAssembly.Memory({ initial: Math.max(1, pages) })
    const [reduceFour, reduceTwo, product, productPairs] = modules.map(
      (module) => new WebAssembly.Instance(module, { env: { memory } }).exports.run as Run,
    ) as [Run, Run, Run, Run]
    held = { memory, reduceFour, reduceTwo, product, productPairs }
    return held
  } catch {
    // No memory of that size is to be had.
    return undefined
  }
}

function compile(): readonly WebAssembly.Module[] | 'none' {
  if (typeof WebAssembly === 'undefined') return 'none'
  const codes = [reduceFour(), reduceTwo(), product(), productPairs()]
  if (!codes.every((code) => WebAssembly.validate(code as BufferSource))) return 'none'
  return codes.map((code) => new WebAssembly.Module(code as BufferSource))
}

/** Sums of products of rows x with rows y, pair by pair of columns; all addresses move on. */
function dots(
  code: Code,
  x: readonly Local[],
  y: readonly Local[],
  sums: readonly (readonly Local[])[],
  pairs: number,
) {
  for (let p = 0; p < pairs; p++) {
    const xs = x.map((address) => code.v128(load(address, 16 * p)))
    for (const [j, address] of y.entries()) {
      const value = code.v128(load(address, 16 * p))
      for (const [i, own] of xs.entries()) {
        const sum = sums[i]![j]!
        code.set(sum, add(get(sum), mul(get(own), get(value))))
      }
    }
  }
  for (const address of [...x, ...y]) code.set(address, plus(get(address), constant(16 * pairs)))
}

/** Both halves of two sums added up. */
const total = (a: Local, b: Local): Expression => add(firsts(get(a), get(b)), seconds(get(a), get(b)))

function reduceFour(): Uint8Array {
  return assemble(5, (code, rows, earlier, blocks, width, done) => {
    const starts = [0, 1, 2, 3].map((r) => code.i32(plus(get(rows), times(get(width), constant(r)))))
    const base = code.i32(get(earlier))
    const fours = code.i32(get(done))
    code.repeat(blocks, () => {
      // Rows and columns 0 and 1 of the earlier block, then 2 and 3.
      for (const half of [0, 1]) {
        const x = starts.map((start) => code.i32(get(start)))
        const y = [2 * half, 2 * half + 1].map((r) => code.i32(plus(get(base), times(get(width), constant(r)))))
        const sums = x.map(() => y.map(() => code.v128(zeros)))
        code.repeat(fours, () => dots(code, x, y, sums, 2))
        if (half === 1) dots(code, x, y, sums, 1)
        // The addresses now are those of the columns to be made: diagonal [p, .], [c, q] of the earlier rows.
        const p = code.v128(loadTwice(y[0]!))
        const c = code.v128(firsts(zeros, loadTwice(y[1]!)))
        const pivots = code.v128(firsts(get(p), loadTwice(y[1]!, 8)))
        for (const [r, address] of x.entries()) {
          const rest = code.v128(sub(load(address), total(sums[r]![0]!, sums[r]![1]!)))
          const first = code.v128(div(get(rest), get(p)))
          const twice = firsts(get(first), get(first))
          // The first less 0, the second less its product with c; each by its pivot.
          code.store(address, 0, div(sub(get(rest), mul(twice, get(c))), get(pivots)))
        }
      }
      code.set(fours, plus(get(fours), constant(1)))
      code.set(base, plus(plus(get(base), times(get(width), constant(4))), constant(-32)))
    })
  })
}

function reduceTwo(): Uint8Array {
  return assemble(6, (code, rows, earlier, imaginary, blocks, width, done) => {
    const starts = [0, 1].map((r) => code.i32(plus(get(rows), times(get(width), constant(r)))))
    const base = code.i32(get(earlier))
    const pairs = code.i32(get(done))
    code.repeat(blocks, () => {
      // Real parts x and y, imaginary parts u and v.
      const x = starts.map((start) => code.i32(get(start)))
      const y = [0, 1].map((r) => code.i32(plus(get(base), times(get(width), constant(r)))))
      const u = x.map((address) => code.i32(plus(get(address), get(imaginary))))
      const v = y.map((address) => code.i32(plus(get(address), get(imaginary))))
      const re = x.map(() => y.map(() => code.v128(zeros)))
      const im = x.map(() => y.map(() => code.v128(zeros)))
      code.repeat(pairs, () => {
        const own = x.map((address, r) => [code.v128(load(address)), code.v128(load(u[r]!))] as const)
        for (const s of [0, 1]) {
          const [c, d] = [code.v128(load(y[s]!)), code.v128(load(v[s]!))]
          for (const [r, [a, b]] of own.entries()) {
            const [real, other] = [re[r]![s]!, im[r]![s]!]
            code.set(real, add(get(real), add(mul(get(a), get(c)), mul(get(b), get(d)))))
            code.set(other, add(get(other), sub(mul(get(b), get(c)), mul(get(a), get(d)))))
          }
        }
        for (const address of [...x, ...y, ...u, ...v]) code.set(address, plus(get(address), constant(16)))
      })
      const p = code.v128(loadTwice(y[0]!))
      const c = code.v128(firsts(zeros, loadTwice(y[1]!)))
      const d = code.v128(firsts(zeros, loadTwice(v[1]!)))
      const pivots = code.v128(firsts(get(p), loadTwice(y[1]!, 8)))
      for (const r of [0, 1]) {
        const a = code.v128(sub(load(x[r]!), total(re[r]![0]!, re[r]![1]!)))
        const b = code.v128(sub(load(u[r]!), total(im[r]![0]!, im[r]![1]!)))
        const f = code.v128(div(get(a), get(p)))
        const g = code.v128(div(get(b), get(p)))
        code.set(f, firsts(get(f), get(f)))
        code.set(g, firsts(get(g), get(g)))
        const [fc, fd] = [mul(get(f), get(c)), mul(get(f), get(d))]
        const [gc, gd] = [mul(get(g), get(c)), mul(get(g), get(d))]
        code.store(x[r]!, 0, div(sub(get(a), add(fc, gd)), get(pivots)))
        code.store(u[r]!, 0, div(sub(get(b), sub(gc, fd)), get(pivots)))
      }
      code.set(pairs, plus(get(pairs), constant(1)))
      code.set(base, plus(plus(get(base), times(get(width), constant(2))), constant(-16)))
    })
  })
}

/** One row, or two, by four columns: as many sums as the registers hold. */
function tile(code: Code, c: readonly Local[], a: readonly Local[], b: readonly Local[], depthPairs: Local): void {
  const x = a.map((start) => code.i32(get(start)))
  const y = b.map((start) => code.i32(get(start)))
  const sums = x.map(() => y.map(() => code.v128(zeros)))
  code.repeat(depthPairs, () => dots(code, x, y, sums, 1))
  for (const [i, address] of c.entries())
    for (const half of [0, 1])
      code.store(address, 16 * half, add(load(address, 16 * half), total(sums[i]![2 * half]!, sums[i]![2 * half + 1]!)))
}

/** Walks over the columns of C in fours. */
function alongColumns(
  code: Code,
  c: readonly Local[],
  a: readonly Local[],
  b: Local,
  bStride: Local,
  columnFours: Local,
  depthPairs: Local,
): void {
  const at = c.map((start) => code.i32(get(start)))
  const rows = [0, 1, 2, 3].map((r) => code.i32(plus(get(b), times(get(bStride), constant(r)))))
  code.repeat(columnFours, () => {
    tile(code, at, a, rows, depthPairs)
    for (const address of at) code.set(address, plus(get(address), constant(32)))
    for (const row of rows) code.set(row, plus(get(row), times(get(bStride), constant(4))))
  })
}

function product(): Uint8Array {
  return assemble(6, (code, c, a, b, bStride, columnFours, depthPairs) =>
    alongColumns(code, [c], [a], b, bStride, columnFours, depthPairs),
  )
}

function productPairs(): Uint8Array {
  return assemble(9, (code, c, cStride, a, aStride, b, bStride, pairs, columnFours, depthPairs) => {
    const both = (start: Local, stride: Local) => [code.i32(get(start)), code.i32(plus(get(start), get(stride)))]
    const [targets, sources] = [both(c, cStride), both(a, aStride)]
    code.repeat(pairs, () => {
      alongColumns(code, targets, sources, b, bStride, columnFours, depthPairs)
      for (const target of targets) code.set(target, plus(get(target), times(get(cStride), constant(2))))
      for (const source of sources) code.set(source, plus(get(source), times(get(aStride), constant(2))))
    })
  })
}
