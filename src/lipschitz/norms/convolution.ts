/**
 * Two-sided enclosure of the spectral norm of a convolution on its exact geometry (docs/soundness.md 2).
 * @module
 */
import type { Enclosure } from '../../linalg/enclosure.ts'
import { lanczosLower } from '../../linalg/lanczos.ts'
import { largestMagnitude, scaledCopy, scaleLowerBound, scaleUpperBound } from '../../linalg/power-of-two.ts'
import { gamma, nextUp, UNIT } from '../../linalg/rounding.ts'
import { vectorNormUpper } from '../../linalg/vector-norm.ts'
import { withRoom } from '../../linalg/vector-room.ts'
import type { ConvolutionStructure } from '../../ops/operator.ts'
import { type ConvolutionMap, convolutionMap, roomOf } from './convolution-map.ts'
import { boundByEmbedding, embeddingFrequencies, type GridBound } from './embedding.ts'
import { boundGram, finiteGram, planFinite } from './finite-gram.ts'
import { type Axis, axesOf, type Window, windowOf, withoutSelections } from './geometry.ts'
import { type GramSymbol, gramSymbol } from './gram-symbol.ts'
import { distanceTo, largest, rootUp, storedRelativeError, widen } from './perturbed.ts'
import { type GroupWeights, type PhaseKernel, phaseKernel } from './phase-kernel.ts'
import { planeWave } from './plane-wave.ts'
import { boundByStrip, planStrip } from './strip.ts'
import { type Probe, probeSymbol } from './symbol-probe.ts'
import { boundByTorus } from './torus.ts'

export interface NormOptions {
  /** Relative gap upper / lower - 1 below which no dearer proof is tried. Default 5e-5. */
  readonly tolerance?: number
  /** Scales how much work may be spent on each step. Default 1: about a second for a step of a usual layer. */
  readonly effort?: number
  /** A bound of every convolution for all spatial sizes, not for its own. */
  readonly everySize?: boolean
}

/** Multiplications that each step may cost at effort 1. */
const DIRECT = 4e7
const FINITE = 1.5e9
const FINITE_MEMORY = 6e7
const EMBEDDING = 4e11
const STRIP = 2.5e10
/** Relative gap below which a strip proof of up to STRIP_CHEAP multiplications is not worth its time; in proportion above. */
const STRIP_GAIN = 2e-3
const STRIP_CHEAP = 4e9
const LANCZOS = 2.5e9
/** Gram symbols beyond this many doubles are not formed. */
const SYMBOL_MEMORY = 3e8

/** The enclosure of a convolution or of its adjoint (`transposed`): they have the same norm. Bias plays no part. */
export function encloseConvolution(structure: ConvolutionStructure, options: NormOptions = {}): Enclosure {
  const axes = axesOf(structure)
  const windows = axes.map(windowOf)
  if (windows.some((window) => window === undefined) || structure.weights.data.length === 0)
    return widen({ lower: 0, upper: 0, method: 'zero' }, structure.perturbation ?? 0)
  const reduced = withoutSelections(axes)
  return encloseGroups(structure, reduced, reduced.map(windowOf) as readonly Window[], options)
}

/**
 * Bound that holds for every spatial size and every zero padding of the kernel (symbolic height and width). `lower` is 0: no one
 * size is meant.
 */
export function encloseTorus(structure: ConvolutionStructure, options: NormOptions = {}): Enclosure {
  return encloseGroups(structure, withoutSelections(axesOf(structure)), undefined, options)
}

function encloseGroups(
  structure: ConvolutionStructure,
  axes: readonly Axis[],
  windows: readonly Window[] | undefined,
  options: NormOptions,
): Enclosure {
  const { weights, groups } = structure
  if (!Number.isFinite(largestMagnitude(weights.data)))
    return { lower: 0, upper: Number.POSITIVE_INFINITY, method: 'not-finite' }
  const relative = storedRelativeError(weights.relativeError)
  const size = weights.data.length / groups
  const out = weights.dims[0]! / groups
  const problems = Array.from({ length: groups }, (_, g) =>
    groupProblem({ out, in: weights.dims[1]!, data: weights.data.subarray(g * size, (g + 1) * size) }, axes, windows),
  )
  // Norms of blocks: the largest, never the product. Only the group that decides is worth a dear proof.
  for (;;) {
    const bounds = problems.map((problem) => problem.enclosure())
    const lower = Math.max(...bounds.map((bound) => bound.lower))
    let top = 0
    for (let g = 1; g < groups; g++) if (bounds[g]!.upper > bounds[top]!.upper) top = g
    const { tolerance = 5e-5 } = options
    if (bounds[top]!.upper <= lower * (1 + tolerance) || !problems[top]!.refine(options)) {
      const { method, details, upper } = largest(bounds)
      if (lower > upper) throw new Error(`Enclosure of a convolution is empty: [${lower}, ${upper}] by ${method}.`)
      const absolute = Math.max(...problems.map((problem) => problem.absolute))
      const enclosure = { lower, upper, method, ...(details ? { details } : {}) }
      return widen(enclosure, distanceTo(relative, absolute, structure.perturbation))
    }
  }
}

interface GroupProblem {
  /** Upper bound of || |T| ||. */
  readonly absolute: number
  enclosure(): Enclosure
  /** Spends the next step of work; false when nothing is left to try. */
  refine(options: NormOptions): boolean
}

const ZERO: GroupProblem = {
  absolute: 0,
  enclosure: () => ({ lower: 0, upper: 0, method: 'zero' }),
  refine: () => false,
}

function groupProblem(
  weights: GroupWeights,
  axes: readonly Axis[],
  windows: readonly Window[] | undefined,
): GroupProblem {
  const kernel = phaseKernel(weights, axes, windows)
  if (!kernel) return ZERO
  const { exponent, absoluteSquare } = kernel
  // Schur's bound holds at once, for every size; everything else only improves on it.
  let square = absoluteSquare
  let lower = 0
  let method = 'schur'
  let details: Enclosure['details']
  const improve = (found: number, how: string, what: Enclosure['details']) => {
    if (!(found < square)) return
    square = found
    method = how
    details = what
  }
  let scaled: GroupWeights | undefined
  let vector: Float64Array | undefined
  const scaledWeights = () => (scaled ??= { ...weights, data: scaledCopy(weights.data, -exponent) })

  function* steps(options: NormOptions): Generator<void, void, NormOptions> {
    const { effort = 1 } = options
    const plan = windows && planFinite(weights, axes)
    const finite =
      plan !== undefined && plan.cost <= FINITE * effort && plan.memory <= FINITE_MEMORY * Math.max(1, effort)
    const direct = finite && plan.cost <= DIRECT * effort
    const probed = direct ? undefined : probe(kernel!)
    let grid: GridBound | undefined
    const embed = ({ symbol, found }: NonNullable<typeof probed>) => {
      const periods = windows?.map((window) => window.period)
      const frequencies = periods ? embeddingFrequencies(symbol, periods) : Number.POSITIVE_INFINITY
      if (frequencies * (1.4 * symbol.size ** 3 + symbol.count * symbol.size ** 2 + 500) <= EMBEDDING * effort) {
        const bound = boundByEmbedding(symbol, periods!, found, square)
        grid = bound
        improve(bound.square, 'twisted-circulant', {
          theta: bound.theta,
          periods: bound.periods,
          frequencies: bound.frequencies,
        })
      } else {
        const bound = boundByTorus(symbol, found, square)
        improve(bound.square, 'torus', { cells: bound.cells })
      }
    }
    // Where the finite operator itself is factored, which leaves no gap, an embedding has nothing to add.
    if (probed && !finite) {
      embed(probed)
      yield
    }
    if (!windows) return
    const start = probed && planeWave(kernel!, weights, axes, windows, probed.found.best)
    const attained = withRoom(roomOf(weights, axes), (room) => {
      const map = convolutionMap(scaledWeights(), axes, room)
      return attainedNorm(map, kernel!, direct ? 8 * effort : effort, start, vector)
    })
    lower = Math.max(lower, attained.lower)
    vector = attained.vector
    yield
    if (finite) {
      const gram = finiteGram(scaledWeights(), plan, absoluteSquare)
      improve(boundGram(gram, lower * lower, square), 'dense-cholesky', { size: gram.size, side: plan.side })
      yield
      // Only where the search was misled.
      if (probed) {
        embed(probed)
        yield
      }
      return
    }
    const strip = grid && planStrip(kernel!, windows, grid.periods)
    if (!strip || strip.cost > STRIP * effort || strip.memory > FINITE_MEMORY) return
    if (Math.sqrt(square) <= lower * (1 + STRIP_GAIN * Math.max(1, strip.cost / (STRIP_CHEAP * effort)))) return
    const bound = boundByStrip(kernel!, windows, grid!, strip.axis, lower * lower, square)
    improve(bound, 'strip-embedding', {
      exactAxis: strip.axis,
      theta: grid!.theta,
      periods: grid!.periods,
      frequencies: strip.frequencies,
    })
    yield
  }

  let running: Generator<void, void, NormOptions> | undefined
  return {
    absolute: scaleUpperBound(rootUp(absoluteSquare), exponent),
    enclosure: () => ({
      lower: scaleLowerBound(lower, exponent),
      // Below the normal range scaling lost at most 2^-1074 an element, which a relative 2^-48 of a norm >= 2^-20 covers.
      upper: scaleUpperBound(rootUp(square) * (1 + 2 ** -48), exponent),
      method,
      ...(details ? { details } : {}),
    }),
    refine(options) {
      running ??= steps(options)
      return running.next(options).done !== true
    },
  }
}

function probe(kernel: PhaseKernel): { symbol: GramSymbol; found: Probe } | undefined {
  const { short, count } = kernel
  // Distinct offsets are at most count (count - 1) / 2 + 1; a dense box of taps has far fewer.
  const box = kernel.extents.reduce((n, k) => n * (2 * k - 1), 1)
  const offsets = Math.min((count * (count - 1)) / 2, (box - 1) / 2) + 1
  if (offsets * short * short * 2 > SYMBOL_MEMORY) return undefined
  const symbol = gramSymbol(kernel)
  return { symbol, found: probeSymbol(symbol) }
}

function attainedNorm(
  map: ConvolutionMap,
  kernel: PhaseKernel,
  effort: number,
  start: Float64Array | undefined,
  previous: Float64Array | undefined,
) {
  const y = new Float64Array(map.outputs)
  const z = new Float64Array(map.inputs)
  const apply = (x: Float64Array) => {
    map.apply(x, y)
    return y
  }
  const adjoint = (v: Float64Array) => {
    map.adjoint(v, z)
    return z
  }
  // |fl(T x) - T x| <= g(terms) |T||x| elementwise, in norm at most g || |T| || |x|.
  const terms = kernel.count * Math.max(kernel.short, kernel.long)
  const error = gamma(terms + 4) * rootUp(kernel.absoluteSquare)
  const begin = previous ?? start
  return lanczosLower(apply, adjoint, map.inputs, (x) => nextUp(error * vectorNormUpper(x)) * (1 + 4 * UNIT), {
    steps: Math.max(5, Math.min(80, Math.floor((LANCZOS * effort) / (2 * map.cost + 40 * map.inputs)))),
    basis: Math.max(4, Math.min(80, Math.floor(2e7 / map.inputs))),
    tolerance: 1e-7,
    ...(begin ? { start: begin } : {}),
  })
}
