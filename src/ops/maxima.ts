/**
 * What MaxPool and GlobalMaxPool share: the largest element of each window.
 * @module
 */
import type { LipschitzRule, Operator, Site } from './operator.ts'
import { type GeometryOf, overWindows, poolShape, windowOf } from './pool.ts'
import { sqrtUp } from './round-up.ts'
import { exact } from './rules.ts'
import { maxMultiplicity } from './windows.ts'

/** Position (relative to `base`) of the first largest element of a window; -1 when it has none. */
export function firstLargest(values: Float64Array, base: number, cells: Int32Array, from: number, to: number): number {
  let best = from < to ? cells[from] : -1
  for (let i = from + 1; i < to; i++) if (values[base + cells[i]] > values[base + best]) best = cells[i]
  return best
}

export function maxima(geometryOf: GeometryOf): Pick<
  Operator,
  'shape' | 'evaluate' | 'rows' | 'lipschitz' | 'rounding' | 'symbolic'
> & {
  readonly lipschitz: (site: Site) => LipschitzRule
} {
  return {
    ...poolShape(geometryOf),
    evaluate: (site, [x]) => {
      const geometry = geometryOf(site, x!.dims)
      const data = overWindows(x!.data, x!.dims, geometry, (values, base, cells, from, to) => {
        const at = firstLargest(values, base, cells, from, to)
        return at < 0 ? Number.NEGATIVE_INFINITY : values[base + at]
      })
      return [{ type: x!.type, dims: [x!.dims[0], x!.dims[1], ...geometry.output], data }]
    },
    /** A maximum moves by at most the element that moves most; an element is read by up to `multiplicity` windows. */
    lipschitz: (site) => {
      const multiplicity = maxMultiplicity(geometryOf(site, site.input(0).dims))
      const because =
        multiplicity === 1
          ? 'disjoint windows: each maximum moves by at most what its window moves'
          : `an element is read by up to ${multiplicity} windows`
      return { kind: 'constant', value: sqrtUp(multiplicity), because, outputs: [0] }
    },
    rounding: () => exact,
    symbolic: (site, [x], pool) => {
      if (!x || site.outputs.length > 1) return undefined
      const geometry = geometryOf(site, x.dims)
      const ids = overWindows(x.ids, x.dims, geometry, (values, base, cells, from, to) =>
        pool.max(windowOf(values, base, cells, from, to)),
      )
      return [{ dims: [x.dims[0], x.dims[1], ...geometry.output], ids }]
    },
  }
}
