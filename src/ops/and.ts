import { comparison } from './decision.ts'

/** y = a and b. */
export const And = comparison('And', (a, b) => a !== 0 && b !== 0)
