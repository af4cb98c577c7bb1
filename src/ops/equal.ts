import { comparison } from './decision.ts'

/** y = a == b. */
export const Equal = comparison('Equal', (a, b) => a === b)
