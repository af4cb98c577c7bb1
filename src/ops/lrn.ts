import type { NdArray } from '../onnx/ir.ts'
import { sizeOf } from './dims.ts'
import type { Operator, Site } from './operator.ts'

/** y = x / (bias + alpha / size * sum of x^2 over a window of `size` channels)^beta. */
export const LRN: Operator = {
  type: 'LRN',
  shape: (site) => [{ type: site.input(0).type, dims: site.input(0).dims }],
  evaluate: (site, [x]) => [{ type: x!.type, dims: x!.dims, data: normalised(site, x!) }],
  /**
   * With S_i the window's sum of squares, c = alpha / size, d(S) = (bias + c S)^-beta: the Jacobian is diag(d(S_i)) minus
   * M, M_ij = 2 c beta x_i x_j (bias + c S_i)^(-beta - 1) for j in the window of i. A row of M has norm at most
   * 2 c beta S (bias + c S)^(-beta - 1), whose maximum lies at S = bias / (c beta), and a channel lies in at most `size`
   * windows, so |M| <= sqrt(size) times that (Cauchy-Schwarz on each row).
   */
  lipschitz: (site) => {
    const { size, alpha, beta, bias } = planOf(site)
    const c = alpha / size
    if (!(bias > 0 && c >= 0 && beta >= 0)) {
      return { kind: 'unbounded', because: 'its denominator may vanish or shrink with the input' }
    }
    // 2 c beta S (bias + c S)^(-beta - 1) at the maximum: 2 bias (bias (1 + 1/beta))^(-beta - 1).
    const row = c * beta === 0 ? 0 : 2 * bias * (bias * (1 + 1 / beta)) ** (-beta - 1)
    const value = (bias ** -beta + Math.sqrt(size) * row) * (1 + 1e-12)
    const because = 'bias^-beta for the quotient, and the steepest fall of its denominator, sqrt(size) windows deep'
    return { kind: 'constant', value, because }
  },
  // onnxruntime adds a square where it enters the window and subtracts it where it leaves: behind a large channel the
  // denominator is what cancellation leaves of it, even 0.
  rounding: () => ({ kind: 'unknown', because: 'a running sum of squares along the channels cancels' }),
  rows: () => 'rows',
  // g d(S) - 2 c beta x * (window transposed of g x (bias + c S)^(-beta - 1)).
  vjp: (site, b, [dy], [wanted]) => {
    if (!wanted || dy === undefined) return [undefined]
    const { dims, name: x } = site.input(0)
    const { size, alpha, beta, bias } = planOf(site)
    const channels = dims[1]!
    const c = alpha / size
    const scalar = (value: number) => b.constant([value], [])
    const mul = (p: string, q: string) => b.node('Mul', [p, q])
    const flat = [dims[0]!, channels, sizeOf(dims.slice(2))]
    const windows = Array.from({ length: channels * channels }, (_, k) =>
      inWindow(Math.floor(k / channels), k % channels, size) ? 1 : 0,
    )
    const transposed = windows.map((_, k) => windows[(k % channels) * channels + Math.floor(k / channels)]!)
    const apply = (matrix: readonly number[], value: string) => {
      const rows = b.node('Reshape', [value, b.indices(flat)])
      const image = b.node('MatMul', [b.constant(matrix, [channels, channels]), rows])
      return b.node('Reshape', [image, b.indices(dims)])
    }
    const base = b.node('Add', [mul(apply(windows, mul(x, x)), scalar(c)), scalar(bias)])
    const power = b.node('Pow', [base, scalar(-beta)])
    const inner = apply(transposed, b.node('Div', [mul(mul(dy, x), power), base]))
    return [b.node('Sub', [mul(dy, power), mul(mul(x, scalar(2 * c * beta)), inner)])]
  },
}

function planOf(site: Site) {
  return {
    size: site.int('size'),
    alpha: site.float('alpha', Math.fround(1e-4)),
    beta: site.float('beta', 0.75),
    bias: site.float('bias', 1),
  }
}

/** Channel `j` lies in the window of channel `i`. */
function inWindow(i: number, j: number, size: number): boolean {
  return j >= i - Math.floor((size - 1) / 2) && j <= i + Math.ceil((size - 1) / 2)
}

function normalised(site: Site, x: NdArray): Float64Array {
  const { size, alpha, beta, bias } = planOf(site)
  const channels = x.dims[1]!
  const spatial = sizeOf(x.dims.slice(2))
  return x.data.map((value, position) => {
    const channel = Math.floor(position / spatial) % channels
    let squares = 0
    for (let j = 0; j < channels; j++) {
      if (inWindow(channel, j, size)) squares += x.data[position + (j - channel) * spatial]! ** 2
    }
    return value / (bias + (alpha / size) * squares) ** beta
  })
}
