import { predicate } from './decision.ts'
import type { Operator } from './operator.ts'

/** y = not x. Its meaning has not changed since the first opset. */
export const Not: Operator = { ...predicate('Not', (x) => x === 0), opsets: [1, 25] }
