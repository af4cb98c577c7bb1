import { comparison } from './decision.ts'

/** y = a > b. */
export const Greater = comparison('Greater', (a, b) => a > b, 1)
