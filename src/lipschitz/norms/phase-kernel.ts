/**
 * One group of a convolution as a stride-1 kernel over phases: a list of taps, each a small matrix. Only taps that meet data
 * are kept, so dilation holes and padding-only taps cost nothing.
 * @module
 */
import { binaryExponent, largestMagnitude, scaledCopy } from '../../linalg/power-of-two.ts'
import { gamma } from '../../linalg/rounding.ts'
import { type Axis, phaseRange, tapPhase, type Window } from './geometry.ts'

export interface PhaseKernel {
  readonly rank: number
  /** Positions of the taps, `count * rank`, each axis starting at 0. */
  readonly positions: Int32Array
  readonly count: number
  /** Largest position + 1 along each axis. */
  readonly extents: readonly number[]
  /** The short side is that of the Gram matrix; the long side is summed over. */
  readonly short: number
  readonly long: number
  readonly shortIs: 'output' | 'input'
  /** `[tap][short][long]`, scaled so that the largest magnitude lies in [1/2, 1). */
  readonly data: Float64Array
  /** True weights are data * 2^exponent. */
  readonly exponent: number
  /** Phase of each block of input channels, `phases * rank`. */
  readonly phases: Int32Array
  /** Bounds of the absolute row and column sums over all taps (scaled): the product bounds the squared norm of |T|. */
  readonly absoluteSquare: number
}

/** Weights of one group: `[out][in][...kernel]`. */
export interface GroupWeights {
  readonly out: number
  readonly in: number
  readonly data: Float64Array
}

/** undefined when every weight that meets data is 0. `windows` undefined = an unbounded signal (symbolic sizes). */
export function phaseKernel(
  weights: GroupWeights,
  axes: readonly Axis[],
  windows: readonly Window[] | undefined,
): PhaseKernel | undefined {
  const rank = axes.length
  const taps = axes.reduce((n, axis) => n * axis.kernel, 1)
  const kept: { tap: number; position: number[]; phase: number }[] = []
  const phases = new Map<string, number>()
  for (let tap = 0; tap < taps; tap++) {
    const position: number[] = []
    const phase: number[] = []
    let rest = tap
    let meets = true
    for (let d = rank - 1; d >= 0; d--) {
      const axis = axes[d]!
      const [tau, rho] = tapPhase(axis, rest % axis.kernel)
      rest = Math.floor(rest / axis.kernel)
      const low = windows === undefined ? 0 : windows[d]!.low
      position.unshift(tau - low)
      phase.unshift(rho)
      if (windows !== undefined) {
        const [first, last] = phaseRange(axis, rho)
        // Some output o in 0..outputs-1 must read q = o + tau within the data of this phase.
        meets &&=
          tau >= low && tau <= windows[d]!.high && Math.max(first, tau) <= Math.min(last, axis.outputs - 1 + tau)
      }
    }
    if (!meets || !anyNonZero(weights, taps, tap)) continue
    const key = phase.join()
    if (!phases.has(key)) phases.set(key, phases.size)
    kept.push({ tap, position, phase: phases.get(key)! })
  }
  if (kept.length === 0) return undefined

  const places = new Map<string, { position: number[]; taps: { tap: number; phase: number }[] }>()
  for (const { tap, position, phase } of kept) {
    const key = position.join()
    if (!places.has(key)) places.set(key, { position, taps: [] })
    places.get(key)!.taps.push({ tap, phase })
  }
  const inputs = weights.in * phases.size
  const shortIs = weights.out <= inputs ? 'output' : 'input'
  const short = Math.min(weights.out, inputs)
  const long = Math.max(weights.out, inputs)
  const raw = new Float64Array(places.size * short * long)
  const positions = new Int32Array(places.size * rank)
  let place = 0
  for (const { position, taps: here } of places.values()) {
    positions.set(position, place * rank)
    for (const { tap, phase } of here)
      for (let o = 0; o < weights.out; o++)
        for (let c = 0; c < weights.in; c++) {
          const column = phase * weights.in + c
          const at = shortIs === 'output' ? o * long + column : column * long + o
          raw[place * short * long + at] = weights.data[(o * weights.in + c) * taps + tap]!
        }
    place++
  }
  const exponent = binaryExponent(largestMagnitude(raw))
  const data = scaledCopy(raw, -exponent)
  return {
    rank,
    positions,
    count: places.size,
    extents: axes.map(
      (_, d) => [...places.values()].reduce((most, { position }) => Math.max(most, position[d]!), -Infinity) + 1,
    ),
    short,
    long,
    shortIs,
    data,
    exponent,
    phases: Int32Array.from([...phases.keys()].flatMap((key) => key.split(',').map(Number))),
    absoluteSquare: absoluteSquareOf(data, places.size, short, long),
  }
}

function anyNonZero({ out, in: inputs, data }: GroupWeights, taps: number, tap: number): boolean {
  for (let k = tap; k < out * inputs * taps; k += taps) if (data[k] !== 0) return true
  return false
}

/** |T|_1 |T|_inf >= || |T| ||_2^2 (Schur), for every size: sums over all taps. */
function absoluteSquareOf(data: Float64Array, count: number, short: number, long: number): number {
  const rows = new Float64Array(short)
  const columns = new Float64Array(long)
  for (let t = 0, k = 0; t < count; t++)
    for (let i = 0; i < short; i++)
      for (let j = 0; j < long; j++, k++) {
        const magnitude = Math.abs(data[k]!)
        rows[i] = rows[i]! + magnitude
        columns[j] = columns[j]! + magnitude
      }
  const product = largestMagnitude(rows) * largestMagnitude(columns)
  return product * (1 + 2 * gamma(count * Math.max(short, long) + 4))
}
