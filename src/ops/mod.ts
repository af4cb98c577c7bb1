import { broadcastShape, zip } from './broadcast.ts'
import type { Operator } from './operator.ts'

/** y = the remainder of a / b, with the sign of b (fmod = 0, integers) or of a (fmod = 1). */
export const Mod: Operator = {
  type: 'Mod',
  opsets: [10, 25],
  shape: (site) => [{ type: site.input(0).type, dims: broadcastShape(site) }],
  evaluate: (site, [a, b]) => {
    const truncates = site.int('fmod', 0) === 1
    return [
      zip(site, a!, b!, (p, q) => {
        const rest = p % q
        return truncates || rest === 0 || rest < 0 === q < 0 ? rest : rest + q
      }),
    ]
  },
  lipschitz: () => ({ kind: 'unbounded', because: 'a remainder jumps at every multiple of the divisor' }),
  rounding: () => ({ kind: 'exact' }),
  rows: () => 'elementwise',
}
