import { averaging } from './averaging.ts'
import { sizeOf } from './dims.ts'
import type { Operator } from './operator.ts'
import { globalWindow } from './pool.ts'

/** The mean of each map, with all spatial axes kept at size 1. */
export const GlobalAveragePool: Operator = {
  type: 'GlobalAveragePool',
  ...averaging(globalWindow, (_, geometry) => Float64Array.of(sizeOf(geometry.spatial))),
}
