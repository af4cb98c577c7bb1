import { unsupported } from './invalid.ts'
import type { LipschitzRule, Site } from './operator.ts'
import { unbounded } from './rules.ts'
import { hypotUp } from './sum-up.ts'

/** What ScatterElements and ScatterND do with an update and the element that it meets. */
export type ScatterReduction = 'none' | 'add' | 'mul' | 'max' | 'min'

const MEETINGS: Readonly<Record<ScatterReduction, (element: number, update: number) => number>> = {
  none: (_, update) => update,
  add: (element, update) => element + update,
  mul: (element, update) => element * update,
  max: Math.max,
  min: Math.min,
}

export function scatterReduction(site: Site): ScatterReduction {
  const reduction = site.string('reduction', 'none')
  if (!(reduction in MEETINGS)) throw unsupported(site, `has reduction '${reduction}'`)
  return reduction as ScatterReduction
}

/** The new element. */
export function meet(reduction: ScatterReduction): (element: number, update: number) => number {
  return MEETINGS[reduction]
}

/** The rule of 'mul', 'max' and 'min' at fixed positions; undefined for the others, which are linear. */
export function nonlinearScatter(reduction: ScatterReduction): LipschitzRule | undefined {
  if (reduction === 'mul') return unbounded('a product of values that depend on the data has slopes without limit')
  if (reduction !== 'max' && reduction !== 'min') return undefined
  // |max(a, u) - max(b, v)| <= max(|a - b|, |u - v|), and every update is used once.
  return {
    kind: 'combine',
    linear: false,
    because: `each element follows itself or one of its updates, and each update has one element`,
    combine: ([data, , updates]) => hypotUp([data ?? 0, updates ?? 0]),
  }
}

/** 'mul', 'max' and 'min' have no gradient here. */
export function linearReduction(site: Site): 'none' | 'add' {
  const reduction = scatterReduction(site)
  if (reduction === 'none' || reduction === 'add') return reduction
  throw unsupported(site, `has reduction '${reduction}', whose gradient is not known here`)
}
