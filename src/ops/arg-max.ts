import { argExtremum } from './arg-extremum.ts'

/** The position of the largest element along an axis. */
export const ArgMax = argExtremum('ArgMax', (candidate, best) => candidate > best)
