import { predicate } from './decision.ts'

/** y = not x. */
export const Not = predicate('Not', (x) => x === 0)
