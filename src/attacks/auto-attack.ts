import { completeParameters } from './attack.ts'
import { autoPgd, targetsByLogit } from './auto-pgd.ts'
import { epsilonAttack } from './epsilon-search.ts'
import { fabDescent } from './fast-adaptive-boundary.ts'
import type { Norm } from './projection.ts'
import { Square, SquareLinf } from './square.ts'

/**
 * AutoAttack's standard ensemble (arXiv 2003.01690): APGD-CE, targeted APGD-DLR, targeted FAB, Square, in this order; a sample leaves at
 * the first success. FAB is run for L2 only.
 */
function autoAttack(name: string, norm: Norm) {
  return epsilonAttack({
    name,
    norm,
    access: 'gradient',
    defaults: { steps: 100, targets: 9, queries: 5000, rho: 0.75 },
    *attempt(sample, epsilon, { steps, targets, queries, rho }, trial) {
      if (yield* autoPgd(sample, { norm, epsilon, steps, rho, loss: 'cross-entropy', keys: [trial, 100] })) return true
      for (const target of targetsByLogit(sample, targets)) {
        const options = { norm, epsilon, steps, rho, loss: 'dlr-targeted' as const, target, keys: [trial, target] }
        if (yield* autoPgd(sample, options)) return true
      }
      if (norm === 'l2') {
        for (const target of targetsByLogit(sample, targets)) {
          yield* fabDescent(sample, target, 0, { steps, alphaMax: 0.1, eta: 1.05, beta: 0.9 })
          if (sample.best.distance <= epsilon) return true
        }
      }
      const square = norm === 'l2' ? Square : SquareLinf
      yield* square.run(sample, completeParameters(square, { queries, epsilon }))
      return sample.best.distance <= epsilon
    },
  })
}

export const AutoAttack = autoAttack('autoattack', 'l2')
export const AutoAttackLinf = autoAttack('autoattack-linf', 'linf')
