import { type RandomStream, randomStream } from '../../../src/linalg/random.ts'
import type { ConvolutionStructure } from '../../../src/ops/operator.ts'
import { convolution } from './dense-operator.ts'

export type KernelKind = 'smooth' | 'spiky' | 'tiny' | 'huge' | 'denormal' | 'rank-deficient' | 'normal' | 'high-pass'

const KINDS: readonly KernelKind[] = [
  'normal',
  'smooth',
  'spiky',
  'tiny',
  'huge',
  'denormal',
  'rank-deficient',
  'high-pass',
]

/** A random convolution small enough for a dense SVD: any rank 1..3, strides, dilations, pads (negative too), groups. */
export function randomConvolution(key: readonly number[], limit = 150): ConvolutionStructure & { label: KernelKind } {
  for (let attempt = 0; ; attempt++) {
    const r = randomStream(...key, attempt)
    const rank = [1, 2, 2, 2, 3][r.integer(5)]!
    const groups = r.uniform() < 0.25 ? 2 : 1
    const narrow = 1 + r.integer(3)
    const out = groups * (1 + r.integer(3))
    const most = rank === 1 ? 16 : rank === 2 ? 7 : 4
    const spatial = axis(rank, () => 1 + r.integer(most))
    const kernel = axis(rank, () => 1 + r.integer(rank === 3 ? 3 : 4))
    const strides = axis(rank, () => 1 + r.integer(3))
    const dilations = axis(rank, () => (r.uniform() < 0.3 ? 2 : 1))
    const pads = () => axis(rank, () => (r.uniform() < 0.1 ? -1 : r.integer(4)))
    const [padsBegin, padsEnd] = [pads(), pads()]
    const outputs = spatial.map(
      (n, d) => Math.floor((n + padsBegin[d]! + padsEnd[d]! - (kernel[d]! - 1) * dilations[d]! - 1) / strides[d]!) + 1,
    )
    const pixels = (sizes: readonly number[]) => sizes.reduce((n, x) => n * x, 1)
    if (outputs.some((o) => o < 1)) continue
    if (Math.min(narrow * groups * pixels(spatial), out * pixels(outputs)) > limit) continue
    if (Math.max(narrow * groups * pixels(spatial), out * pixels(outputs)) > 4 * limit) continue
    const label = KINDS[r.integer(KINDS.length)]!
    const dims = [out, narrow, ...kernel]
    const data = kernelOf(label, dims, r)
    return {
      ...convolution(dims, data, spatial, {
        groups,
        strides,
        dilations,
        padsBegin,
        padsEnd,
        transposed: r.uniform() < 0.2,
      }),
      label,
    }
  }
}

function axis(rank: number, f: () => number): number[] {
  return Array.from({ length: rank }, f)
}

function kernelOf(label: KernelKind, dims: readonly number[], r: RandomStream): Float64Array {
  const [out, narrow] = dims as [number, number]
  const taps = dims.slice(2).reduce((n, x) => n * x, 1)
  const data = new Float64Array(out * narrow * taps)
  const [left, right, shape] = [out, narrow, taps].map((n) => Array.from({ length: n }, () => r.normal()))
  for (let k = 0; k < data.length; k++) {
    const t = k % taps
    const c = Math.floor(k / taps) % narrow
    const o = Math.floor(k / taps / narrow)
    const value = r.normal()
    if (label === 'smooth') data[k] = 1 + 0.2 * value
    else if (label === 'high-pass') data[k] = (t % 2 === 0 ? 1 : -1) * (1 + 0.2 * value)
    else if (label === 'spiky') data[k] = r.uniform() < 0.15 ? 10 * value : 0
    else if (label === 'tiny') data[k] = 1e-30 * value
    else if (label === 'huge') data[k] = 1e30 * value
    else if (label === 'denormal') data[k] = 2 ** -140 * value
    else if (label === 'rank-deficient') data[k] = left![o]! * right![c]! * shape![t]!
    else data[k] = value
    data[k] = Math.fround(data[k]!)
  }
  return data
}
