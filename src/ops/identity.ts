import { movement } from './movement.ts'
import type { Operator } from './operator.ts'

/** y = x. */
export const Identity: Operator = {
  type: 'Identity',
  ...movement,
  shape: (site) => [{ type: site.input(0).type, dims: site.input(0).dims }],
  evaluate: (_, [x]) => [x!],
  vjp: (_, _b, [dy]) => [dy],
}
