import { predicate } from './decision.ts'
import { mapValues } from './elementwise.ts'
import type { Operator } from './operator.ts'

/** y = x is infinite, of a sign that the attributes select. */
export const IsInf: Operator = {
  ...predicate('IsInf', (x) => Math.abs(x) === Infinity),
  opsets: [10, 25],
  evaluate: (site, [x]) => {
    const positive = site.int('detect_positive', 1) === 1
    const negative = site.int('detect_negative', 1) === 1
    const holds = (value: number) => (positive && value === Infinity) || (negative && value === -Infinity)
    return [{ ...mapValues(x!, (value) => (holds(value) ? 1 : 0)), type: 'bool' }]
  },
}
