import { averaging } from './averaging.ts'
import type { Operator, Site } from './operator.ts'
import { slidingWindows } from './pool.ts'
import type { WindowGeometry } from './windows.ts'

/** The mean of each window; padding counts as zeros when count_include_pad is set, and is left out otherwise. */
export const AveragePool: Operator = { type: 'AveragePool', ...averaging(slidingWindows, divisorsOf) }

/**
 * What each window's sum is divided by: the cells inside the map, or with count_include_pad those inside the padded map
 * (a window that ceil_mode lets reach beyond the padding does not count what lies there).
 */
function divisorsOf(site: Site, geometry: WindowGeometry): Float64Array {
  const include = site.int('count_include_pad', 0) === 1
  const { spatial, kernel, strides, dilations, padsBegin, padsEnd, output } = geometry
  const counts = output.map((count, axis) =>
    Array.from({ length: count }, (_, position) => {
      const begin = position * strides[axis] - padsBegin[axis]
      const low = include ? -padsBegin[axis] : 0
      const high = spatial[axis] + (include ? padsEnd[axis] : 0)
      let inside = 0
      for (let k = 0; k < kernel[axis]; k++) {
        const at = begin + k * dilations[axis]
        if (at >= low && at < high) inside++
      }
      return inside
    }),
  )
  return Float64Array.from(counts.reduce<number[]>((list, axis) => list.flatMap((a) => axis.map((c) => a * c)), [1]))
}
