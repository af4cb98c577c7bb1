/**
 * What the pools share: their geometry, and the norm of an average.
 * @module
 */
import type { Shape } from '../onnx/ir.ts'
import { sizeOf } from './dims.ts'
import type { LipschitzRule, Site } from './operator.ts'
import { closedForm } from './rules.ts'
import { roundUpBy, timesUp } from './sum-up.ts'
import { mapsOf, maxMultiplicity, type WindowGeometry, windowCells, windowGeometry } from './windows.ts'

/** Windows of a pool over an input `[batch, channels, ...spatial]`. */
export function poolGeometry(site: Site, dims: Shape): WindowGeometry {
  return windowGeometry(site, mapsOf(site, dims).spatial, site.ints('kernel_shape'))
}

/**
 * Norm of the map from a tensor to the sums of its windows, each divided by its divisor.
 *
 * Disjoint windows: the rows are orthogonal, so it is the largest row norm sqrt(cells) / divisor. One divisor for all windows:
 * a depthwise convolution with a constant kernel and zero padding. Otherwise Schur's test, sqrt(largest row sum * largest
 * column sum) (AveragePool that leaves padding out reweights the border and can exceed the convolution's norm).
 */
export function averagingStructure(geometry: WindowGeometry, channels: number, divisors: Float64Array): LipschitzRule {
  const { starts, cells } = windowCells(geometry)
  const windows = starts.length - 1
  if (maxMultiplicity(geometry) <= 1) {
    let norm = 0
    for (let w = 0; w < windows; w++) norm = Math.max(norm, inverseRoot(starts[w + 1] - starts[w], divisors[w]))
    return closedForm(norm, 'disjoint windows: the largest of sqrt(cells) / divisor')
  }
  if (divisors.every((divisor) => divisor === divisors[0])) return convolution(geometry, channels, divisors[0])
  const columns = new Float64Array(sizeOf(geometry.spatial))
  let rows = 0
  for (let w = 0; w < windows; w++) {
    rows = Math.max(rows, (starts[w + 1] - starts[w]) / divisors[w])
    for (let i = starts[w]; i < starts[w + 1]; i++) columns[cells[i]] += 1 / divisors[w]
  }
  const column = columns.reduce((a, b) => Math.max(a, b), 0)
  return closedForm(
    rows === 1 && column === 1 ? 1 : roundUpBy(Math.sqrt(rows) * Math.sqrt(column), sizeOf(geometry.kernel) + 8),
    "windows without their padding: Schur's test, the root of the largest row sum times the largest column sum",
  )
}

/** sqrt(cells) / divisor, exact where both are powers of two (and the root is one). */
function inverseRoot(cells: number, divisor: number): number {
  const root = Math.sqrt(cells)
  const exactly = root * root === cells && Number.isInteger(Math.log2(root)) && Number.isInteger(Math.log2(divisor))
  return exactly ? root / divisor : timesUp(roundUpBy(root, 1), roundUpBy(1 / divisor, 1))
}

function convolution(geometry: WindowGeometry, channels: number, divisor: number): LipschitzRule {
  const taps = sizeOf(geometry.kernel)
  const weights = {
    type: 'float32' as const,
    dims: [channels, 1, ...geometry.kernel],
    data: new Float64Array(channels * taps).fill(1 / divisor),
    relativeError: Number.isInteger(Math.log2(divisor)) ? 0 : 2 ** -53,
  }
  const { strides, dilations, padsBegin, spatial, output, kernel } = geometry
  // Windows may reach beyond the declared end padding (ceil_mode), or not reach it: what counts is where the last one ends.
  const padsEnd = spatial.map((size, axis) => {
    const reach = (output[axis] - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1
    return Math.max(0, reach - padsBegin[axis] - size)
  })
  const placed = { strides, dilations, padsBegin, padsEnd, spatial }
  return {
    kind: 'affine',
    structure: { kind: 'convolution', weights, groups: channels, ...placed, transposed: false },
  }
}
