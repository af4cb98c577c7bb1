import { sizeOf } from './dims.ts'
import type { Operator, Site } from './operator.ts'
import { averagingStructure, poolGeometry } from './pool.ts'
import { dot } from './rules.ts'
import { windowSumAdjoint } from './window-adjoint.ts'
import { mapsOf, maxCells, type WindowGeometry, windowCells } from './windows.ts'

/** The mean of each window; padding counts as zeros when count_include_pad is set, and is left out otherwise. */
export const AveragePool: Operator = {
  type: 'AveragePool',
  shape: (site) => {
    const { type, dims } = site.input(0)
    return [{ type, dims: [dims[0], dims[1], ...poolGeometry(site, dims).output] }]
  },
  evaluate: (site, [x]) => {
    const geometry = poolGeometry(site, x!.dims)
    const { starts, cells } = windowCells(geometry)
    const divisor = divisors(site, geometry)
    const [batch, channels] = x!.dims
    const inSize = sizeOf(geometry.spatial)
    const outSize = sizeOf(geometry.output)
    const data = new Float64Array(batch * channels * outSize)
    for (let map = 0; map < batch * channels; map++)
      for (let w = 0; w < outSize; w++) {
        let sum = 0
        for (let i = starts[w]; i < starts[w + 1]; i++) sum += x!.data[map * inSize + cells[i]]
        data[map * outSize + w] = sum / divisor[w]
      }
    return [{ type: x!.type, dims: [batch, channels, ...geometry.output], data }]
  },
  lipschitz: (site) => {
    const { dims } = site.input(0)
    const geometry = poolGeometry(site, dims)
    return averagingStructure(geometry, dims[1], divisors(site, geometry))
  },
  rounding: (site) => dot(maxCells(poolGeometry(site, site.input(0).dims)) + 1),
  rows: () => 'rows',
  symbolic: (site, [x], pool) => {
    if (!x) return undefined
    const geometry = poolGeometry(site, x.dims)
    const { starts, cells } = windowCells(geometry)
    const divisor = divisors(site, geometry)
    const [batch, channels] = x.dims
    const inSize = sizeOf(geometry.spatial)
    const outSize = sizeOf(geometry.output)
    const ids = new Float64Array(batch * channels * outSize)
    for (let map = 0; map < batch * channels; map++)
      for (let w = 0; w < outSize; w++) {
        const window = Array.from(cells.subarray(starts[w], starts[w + 1]), (cell) => x.ids[map * inSize + cell])
        ids[map * outSize + w] = pool.linear(window, new Array<number>(window.length).fill(1 / divisor[w]))
      }
    return [{ dims: [batch, channels, ...geometry.output], ids }]
  },
  vjp: (site, b, [dy]) => {
    if (!dy) return [undefined]
    const { dims } = site.input(0)
    const geometry = poolGeometry(site, dims)
    const { batch, channels } = mapsOf(site, dims)
    const divisor = divisors(site, geometry)
    const uniform = divisor.every((value) => value === divisor[0])
    if (uniform) return [windowSumAdjoint(b, dy, batch, channels, geometry, 1 / divisor[0])]
    const weights = b.constant(
      divisor.map((value) => 1 / value),
      [1, 1, ...geometry.output],
    )
    return [windowSumAdjoint(b, b.node('Mul', [dy, weights]), batch, channels, geometry, 1)]
  },
}

/**
 * What each window's sum is divided by: the cells inside the map, or with count_include_pad those inside the padded map
 * (a window that ceil_mode lets reach beyond the padding does not count what lies there).
 */
function divisors(site: Site, geometry: WindowGeometry): Float64Array {
  const include = site.int('count_include_pad', 0) === 1
  const counts = geometry.output.map((count, axis) =>
    Array.from({ length: count }, (_, position) => {
      const begin = position * geometry.strides[axis] - geometry.padsBegin[axis]
      const [low, high] = include
        ? [-geometry.padsBegin[axis], geometry.spatial[axis] + geometry.padsEnd[axis]]
        : [0, geometry.spatial[axis]]
      let inside = 0
      for (let k = 0; k < geometry.kernel[axis]; k++) {
        const at = begin + k * geometry.dilations[axis]
        if (at >= low && at < high) inside++
      }
      return inside
    }),
  )
  return Float64Array.from(counts.reduce<number[]>((list, axis) => list.flatMap((a) => axis.map((c) => a * c)), [1]))
}
