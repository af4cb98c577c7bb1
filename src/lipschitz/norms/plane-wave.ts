import type { Axis, Window } from './geometry.ts'
import type { Frequency } from './gram-symbol.ts'
import type { GroupWeights, PhaseKernel } from './phase-kernel.ts'

/**
 * A good first vector for the lower bound: the plane wave at which the symbol is largest, tapered by half a sine along each axis
 * so that it vanishes at the border. Only a start: nothing is claimed of it.
 * @returns channels-last input `[...spatial][in]`
 */
export function planeWave(
  kernel: PhaseKernel,
  weights: GroupWeights,
  axes: readonly Axis[],
  windows: readonly Window[],
  best: { readonly frequency: Frequency; readonly vector: Float64Array },
): Float64Array {
  const { rank, phases } = kernel
  const frequencies = best.frequency.numerators.map((k, d) => (2 * Math.PI * k) / best.frequency.denominators[d]!)
  const [re, im] = inputDirection(kernel, frequencies, best.vector)
  const x = new Float64Array(axes.reduce((n, axis) => n * axis.size, weights.in))
  const digits = new Array<number>(rank)
  for (let pixel = 0; pixel < x.length / weights.in; pixel++) {
    for (let d = rank - 1, rest = pixel; d >= 0; d--) {
      digits[d] = rest % axes[d]!.size
      rest = Math.floor(rest / axes[d]!.size)
    }
    let taper = 1
    let angle = 0
    for (let d = 0; d < rank; d++) {
      const { size, stride, begin } = axes[d]!
      taper *= Math.sin((Math.PI * (digits[d]! + 1)) / (size + 1))
      angle += frequencies[d]! * (Math.floor((digits[d]! + begin) / stride) - windows[d]!.low)
    }
    const block = blockOf(phases, rank, axes, digits)
    if (block < 0) continue
    const c = taper * Math.cos(angle)
    const s = taper * Math.sin(angle)
    for (let k = 0; k < weights.in; k++) {
      const at = block * weights.in + k
      x[pixel * weights.in + k] = re[at]! * c - im[at]! * s
    }
  }
  return x
}

/** Number of the phase of an input pixel, -1 when no tap reads it. */
function blockOf(phases: Int32Array, rank: number, axes: readonly Axis[], digits: readonly number[]): number {
  for (let p = 0; p * rank < phases.length; p++) {
    let same = true
    for (let d = 0; d < rank && same; d++) {
      const { stride, begin } = axes[d]!
      const u = digits[d]! + begin
      same = u - Math.floor(u / stride) * stride === phases[p * rank + d]
    }
    if (same) return p
  }
  return -1
}

/**
 * The input-side singular vector at the peak, as the amplitude of e^{+iw.q} under the forward map y(o) = sum_t P_t x(o + t). The symbol of that map is
 * conj F, F = sum_t P_t e^{-iw.t}, while G is built from F on the short side.
 */
function inputDirection(kernel: PhaseKernel, w: readonly number[], v: Float64Array): [Float64Array, Float64Array] {
  const { short, long, count, rank, positions, data, shortIs } = kernel
  const re = new Float64Array(shortIs === 'input' ? short : long)
  const im = new Float64Array(re.length)
  if (shortIs === 'input') {
    // G = sum P_tᵀ P_t' e^{iw.(t' - t)}: the Gram matrix of y for waves e^{+iw.q}.
    re.set(v.subarray(0, short))
    im.set(v.subarray(short))
    return [re, im]
  }
  // u is an eigenvector of sum P_t P_t'ᵀ e^{iw.(t' - t)} = F F*; waves e^{-iw.q} have symbol F, so F*u is their input and its conjugate that of e^{+iw.q}.
  for (let t = 0; t < count; t++) {
    let angle = 0
    for (let d = 0; d < rank; d++) angle += w[d]! * positions[t * rank + d]!
    const c = Math.cos(angle)
    const s = Math.sin(angle)
    for (let i = 0; i < short; i++) {
      const a = v[i]! * c - v[short + i]! * s
      const b = v[i]! * s + v[short + i]! * c
      const row = (t * short + i) * long
      for (let k = 0; k < long; k++) {
        re[k] += data[row + k]! * a
        im[k] -= data[row + k]! * b
      }
    }
  }
  return [re, im]
}
