import { comparison } from './decision.ts'

/** y = a < b. */
export const Less = comparison('Less', (a, b) => a < b, -1)
