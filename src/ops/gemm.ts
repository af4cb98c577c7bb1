import { broadcastIndex, repetitionNorm, sumTo } from './broadcast.ts'
import { invalid } from './invalid.ts'
import { crudeNorm, multiplyInto, scaled, transposed, transposeMatrix } from './matrix-product.ts'
import type { GradientBuilder, Operator, Site } from './operator.ts'
import { trueShare } from './round-up.ts'
import { allFinite, closedForm, dot, dynamicInputs, unbounded } from './rules.ts'
import { isSubnormal } from './subnormal.ts'
import { roundUpBy, sumUp, timesUp } from './sum-up.ts'

interface Settings {
  readonly alpha: number
  readonly beta: number
  readonly transA: boolean
  readonly transB: boolean
}

/** y = alpha A' B' + beta C, where A' and B' are A and B or their transposes, and C broadcasts. */
export const Gemm: Operator = {
  type: 'Gemm',
  shape: (site) => {
    const { rows, columns } = sizesOf(site)
    return [{ type: site.input(0).type, dims: [rows, columns] }]
  },
  evaluate: (site, [a, b, c]) => {
    const { alpha, beta, transA, transB } = settingsOf(site)
    const [m, k] = transA ? [a!.dims[1], a!.dims[0]] : a!.dims
    const n = transB ? b!.dims[0] : b!.dims[1]
    const left = transA ? transposed(a!.data, k, m) : a!.data
    const right = transB ? transposed(b!.data, n, k) : b!.data
    const data = new Float64Array(m * n)
    multiplyInto(data, 0, left, 0, right, 0, m, k, n)
    if (alpha !== 1) for (let i = 0; i < data.length; i++) data[i] *= alpha
    if (c) {
      const index = broadcastIndex(c.dims, [m, n])
      for (let i = 0; i < data.length; i++) data[i] += beta * c.data[index[i]]
    }
    return [{ type: a!.type, dims: [m, n], data }]
  },
  lipschitz: (site) => {
    const { alpha, beta, transA, transB } = settingsOf(site)
    const dynamic = dynamicInputs(site)
    const { rows, columns } = sizesOf(site)
    const offset = site.inputs[2] ? timesUp(Math.abs(beta), repetitionNorm(site.inputs[2].dims, [rows, columns])) : 0
    if (dynamic.length === 1 && dynamic[0] === 2) return closedForm(offset, 'a constant product moves nothing')
    if (dynamic.includes(0) && dynamic.includes(1)) return unbounded('both factors of its product depend on the input')
    const [weights, turned] = dynamic.includes(0) ? [site.constant(1)!, transB] : [site.constant(0)!, !transA]
    if (!allFinite(weights)) return unbounded('its weights are not all finite')
    // y = x B': the matrix is B'^T. y = A' x: it is A'.
    const matrix = scaled(turned ? weights : transposeMatrix(weights), alpha)
    if (dynamic.length === 1) return { kind: 'affine', structure: { kind: 'matrix', matrix } }
    const [m, k] = matrix.dims
    const norm = roundUpBy(crudeNorm(matrix.data, 0, m, k), m * k + 8) * trueShare(matrix.relativeError)
    return {
      kind: 'combine',
      linear: true,
      because: 'the product and the summand each move at most by their own norm',
      combine: (bounds) => sumUp(bounds.map((bound, index) => timesUp(index === 2 ? offset : norm, bound ?? 0))),
    }
  },
  magnitudes: (site, inputs) => {
    const { alpha, beta } = settingsOf(site)
    const positive = { ...site, float: (name: string) => Math.abs(name === 'alpha' ? alpha : beta) }
    return Gemm.evaluate(positive, inputs)
  },
  rounding: (site) => {
    const { alpha, beta } = settingsOf(site)
    if (isSubnormal(alpha) || isSubnormal(beta))
      return { kind: 'unknown', because: 'a subnormal alpha or beta may be read as 0' }
    const scalings = (alpha === 1 ? 0 : 1) + (beta === 1 || !site.inputs[2] ? 0 : 1)
    // The sum is formed first and multiplied by alpha then: it may underflow, or overflow, where the product does not.
    return {
      ...dot(sizesOf(site).inner + (site.inputs[2] ? 1 : 0) + scalings),
      gain: Math.max(1, Math.abs(alpha), site.inputs[2] ? Math.abs(beta) : 0),
      partial: Math.max(1, 1 / Math.abs(alpha)),
    }
  },
  rows: (site) => {
    const { transA, transB } = settingsOf(site)
    const [a, b, c] = site.inputs
    const left = !a || a.constant !== undefined || !transA
    // Rows of B are summed over (or become columns): every output row reads them.
    const right = !b || b.constant !== undefined
    const offset = !c || c.constant !== undefined || (c.dims.length === 2 && c.dims[0] === sizesOf(site).rows)
    return left && right && offset && !(transB && !right) ? 'rows' : 'mixed'
  },
  vjp: (site, b, [dy], wanted) => {
    if (!dy) return site.inputs.map(() => undefined)
    const { rows, columns } = sizesOf(site)
    const { beta } = settingsOf(site)
    return site.inputs.map((input, index) => {
      if (!input || !wanted[index]) return undefined
      if (index < 2) return factorGradient(site, b, dy, index)
      const summed = sumTo(b, dy, [rows, columns], input.dims)
      return beta === 1 ? summed : b.node('Mul', [summed, b.constant([beta], [])])
    })
  },
}

function settingsOf(site: Site): Settings {
  return {
    alpha: site.float('alpha', 1),
    beta: site.float('beta', 1),
    transA: site.int('transA', 0) !== 0,
    transB: site.int('transB', 0) !== 0,
  }
}

function sizesOf(site: Site): { rows: number; inner: number; columns: number } {
  const [a, b] = [site.input(0).dims, site.input(1).dims]
  const { transA, transB } = settingsOf(site)
  const [rows, inner] = transA ? [a[1], a[0]] : a
  const [other, columns] = transB ? [b[1], b[0]] : b
  if (a.length !== 2 || b.length !== 2 || inner !== other)
    throw invalid(site, `cannot multiply [${a}]${transA ? '^T' : ''} with [${b}]${transB ? '^T' : ''}`)
  const c = site.inputs[2]?.dims ?? []
  const fits = c.length <= 2 && c.every((dim, k) => dim === 1 || dim === [rows, columns][k + 2 - c.length])
  if (!fits) throw invalid(site, `cannot add [${c}] to a [${rows}, ${columns}] matrix`)
  return { rows, inner, columns }
}

/** dA' = alpha dy B'^T and dB' = alpha A'^T dy, transposed where the operand is. */
function factorGradient(site: Site, b: GradientBuilder, dy: string, index: number): string {
  const { alpha, transA, transB } = settingsOf(site)
  const [left, right] = [site.input(0).name, site.input(1).name]
  const gemm = (first: string, turnFirst: boolean, second: string, turnSecond: boolean) =>
    b.node('Gemm', [first, second], {
      transA: Number(turnFirst),
      transB: Number(turnSecond),
      ...(alpha === 1 ? {} : { alpha: { float: alpha } }),
    })
  if (index === 0) return transA ? gemm(right, transB, dy, true) : gemm(dy, false, right, !transB)
  return transB ? gemm(dy, true, left, transA) : gemm(left, !transA, dy, false)
}
