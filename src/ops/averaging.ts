/**
 * What AveragePool and GlobalAveragePool share: sums of windows, each divided by its divisor.
 * @module
 */
import { sizeOf } from './dims.ts'
import type { LipschitzRule, Operator, Site } from './operator.ts'
import { type GeometryOf, overWindows, poolShape, windowOf } from './pool.ts'
import { closedForm, dot } from './rules.ts'
import { roundUpBy, timesUp } from './sum-up.ts'
import { windowSumAdjoint } from './window-adjoint.ts'
import { adjointPadding, mapsOf, maxCells, maxMultiplicity, type WindowGeometry, windowCells } from './windows.ts'

export function averaging(
  geometryOf: GeometryOf,
  divisorsOf: (site: Site, geometry: WindowGeometry) => Float64Array,
): Omit<Operator, 'type'> {
  return {
    ...poolShape(geometryOf),
    evaluate: (site, [x]) => {
      const geometry = geometryOf(site, x!.dims)
      const divisors = divisorsOf(site, geometry)
      const data = overWindows(x!.data, x!.dims, geometry, (values, base, cells, from, to, window) => {
        let sum = 0
        for (let i = from; i < to; i++) sum += values[base + cells[i]]
        return sum / divisors[window]
      })
      return [{ type: x!.type, dims: [x!.dims[0], x!.dims[1], ...geometry.output], data }]
    },
    lipschitz: (site) => {
      const { dims } = site.input(0)
      const geometry = geometryOf(site, dims)
      return averagingRule(geometry, dims[1], divisorsOf(site, geometry))
    },
    // One product more for the division.
    rounding: (site) => dot(maxCells(geometryOf(site, site.input(0).dims)) + 1),
    symbolic: (site, [x], pool) => {
      if (!x) return undefined
      const geometry = geometryOf(site, x.dims)
      const divisors = divisorsOf(site, geometry)
      const ids = overWindows(x.ids, x.dims, geometry, (values, base, cells, from, to, window) =>
        pool.linear(windowOf(values, base, cells, from, to), new Array<number>(to - from).fill(1 / divisors[window])),
      )
      return [{ dims: [x.dims[0], x.dims[1], ...geometry.output], ids }]
    },
    vjp: (site, b, [dy]) => {
      if (!dy) return [undefined]
      const { dims } = site.input(0)
      const geometry = geometryOf(site, dims)
      const { batch, channels } = mapsOf(site, dims)
      const divisors = divisorsOf(site, geometry)
      // Divided, not multiplied by a reciprocal that float32 cannot hold: the adjoint is exact in float64.
      const divisor = uniform(divisors)
        ? b.constant([divisors[0]], [])
        : b.constant(divisors, [1, 1, ...geometry.output])
      return [windowSumAdjoint(b, b.node('Div', [dy, divisor]), batch, channels, geometry)]
    },
  }
}

function uniform(divisors: Float64Array): boolean {
  return divisors.every((divisor) => divisor === divisors[0])
}

/**
 * Disjoint windows: the rows are orthogonal, so the norm is the largest row norm sqrt(cells) / divisor. One divisor for all
 * windows: a depthwise convolution with a constant kernel and zero padding. Otherwise Schur's test, sqrt(largest row sum *
 * largest column sum): an average that leaves padding out reweights the border and can exceed the convolution's norm.
 */
function averagingRule(geometry: WindowGeometry, channels: number, divisors: Float64Array): LipschitzRule {
  const { starts, cells } = windowCells(geometry)
  const windows = starts.length - 1
  if (maxMultiplicity(geometry) <= 1) {
    let norm = 0
    for (let w = 0; w < windows; w++) norm = Math.max(norm, rowNorm(starts[w + 1] - starts[w], divisors[w]))
    return closedForm(norm, 'disjoint windows: the largest of sqrt(cells) / divisor')
  }
  if (uniform(divisors)) return depthwise(geometry, channels, divisors[0])
  const columns = new Float64Array(sizeOf(geometry.spatial))
  let row = 0
  for (let w = 0; w < windows; w++) {
    row = Math.max(row, (starts[w + 1] - starts[w]) / divisors[w])
    for (let i = starts[w]; i < starts[w + 1]; i++) columns[cells[i]] += 1 / divisors[w]
  }
  const column = columns.reduce((a, b) => Math.max(a, b), 0)
  return closedForm(
    roundUpBy(Math.sqrt(row) * Math.sqrt(column), sizeOf(geometry.kernel) + 8),
    "windows that leave padding out: Schur's test, the root of the largest row sum times the largest column sum",
  )
}

/** sqrt(cells) / divisor, exact where it is a power of two. */
function rowNorm(cells: number, divisor: number): number {
  const root = Math.sqrt(cells)
  const exactly = root * root === cells && Number.isInteger(Math.log2(root)) && Number.isInteger(Math.log2(divisor))
  return exactly ? root / divisor : timesUp(roundUpBy(root, 1), roundUpBy(1 / divisor, 1))
}

function depthwise(geometry: WindowGeometry, channels: number, divisor: number): LipschitzRule {
  const { strides, dilations, padsBegin, spatial, kernel } = geometry
  const weights = {
    type: 'float32' as const,
    dims: [channels, 1, ...kernel],
    data: new Float64Array(channels * sizeOf(kernel)).fill(1 / divisor),
    relativeError: Number.isInteger(Math.log2(divisor)) ? 0 : 2 ** -53,
  }
  // Windows may reach beyond the declared end padding (ceil_mode): what counts is where the last one ends.
  const { padsEnd } = adjointPadding(geometry)
  const placed = { strides, dilations, padsBegin, padsEnd, spatial }
  return { kind: 'affine', structure: { kind: 'convolution', weights, groups: channels, ...placed, transposed: false } }
}
