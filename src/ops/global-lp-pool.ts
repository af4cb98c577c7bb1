import { lpNorms } from './lp-norms.ts'
import type { Operator } from './operator.ts'
import { globalWindow } from './pool.ts'

/** The p-norm of each map (p = 2 by default). */
export const GlobalLpPool: Operator = { type: 'GlobalLpPool', ...lpNorms(globalWindow) }
