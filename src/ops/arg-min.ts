import { argExtremum } from './arg-extremum.ts'

/** The position of the smallest element along an axis. */
export const ArgMin = argExtremum('ArgMin', (candidate, best) => candidate < best)
