import { comparison } from './decision.ts'

/** y = a xor b. */
export const Xor = comparison('Xor', (a, b) => (a !== 0) !== (b !== 0))
