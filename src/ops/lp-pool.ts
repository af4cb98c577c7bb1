import { lpNorms } from './lp-norms.ts'
import type { Operator } from './operator.ts'
import { slidingWindows } from './pool.ts'

/** The p-norm of each window (p = 2 by default); padding adds nothing. */
export const LpPool: Operator = { type: 'LpPool', ...lpNorms(slidingWindows) }
