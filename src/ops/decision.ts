/**
 * What operators that return truth values share: they jump, round nothing, and have no gradient but zero.
 * @module
 */
import { broadcastShape, zip, zipExpressions } from './broadcast.ts'
import { mapValues } from './elementwise.ts'
import type { Operator } from './operator.ts'

const jumps: Pick<Operator, 'lipschitz' | 'rounding' | 'vjp'> = {
  lipschitz: () => ({ kind: 'unbounded', because: 'a truth value jumps where the decision changes' }),
  rounding: () => ({ kind: 'exact' }),
  // Constant on both sides of the jump.
  vjp: (site) => site.inputs.map(() => undefined),
}

/**
 * A truth value of two operands, with broadcasting.
 * @param side 1 for a > b, -1 for a < b (strict or not), 0 where the answer is about equality
 */
export function comparison(type: string, holds: (a: number, b: number) => boolean, side: 1 | -1 | 0 = 0): Operator {
  return {
    type,
    shape: (site) => [{ type: 'bool', dims: broadcastShape(site) }],
    evaluate: (site, [a, b]) => [zip(site, a!, b!, (p, q) => (holds(p, q) ? 1 : 0), 'bool')],
    rows: () => 'elementwise',
    ...jumps,
    symbolic: (site, inputs, pool) =>
      side === 0
        ? undefined
        : zipExpressions(site, inputs, pool, ([a, b]) => pool.step(pool.linear([a, b], [side, -side]), !holds(0, 0))),
  }
}

/** A truth value of each element. */
export function predicate(type: string, holds: (x: number) => boolean): Operator {
  return {
    type,
    shape: (site) => [{ type: 'bool', dims: site.input(0).dims }],
    evaluate: (_, [x]) => [{ ...mapValues(x!, (value) => (holds(value) ? 1 : 0)), type: 'bool' }],
    rows: () => 'elementwise',
    ...jumps,
  }
}
