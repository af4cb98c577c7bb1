import { comparison } from './decision.ts'

/** y = a or b. */
export const Or = comparison('Or', (a, b) => a !== 0 || b !== 0)
