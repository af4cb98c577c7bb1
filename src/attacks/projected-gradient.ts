import { epsilonAttack } from './epsilon-search.ts'
import { projectedAscent } from './projected-ascent.ts'
import type { Norm } from './projection.ts'

function projectedGradient(name: string, norm: Norm, defaults: { steps: number; relativeStepsize: number }) {
  return epsilonAttack({
    name,
    norm,
    access: 'gradient',
    defaults: { ...defaults, restarts: 1, randomStart: true, loss: 'cross-entropy' },
    *attempt(sample, epsilon, { steps, relativeStepsize, restarts, randomStart, loss }, trial) {
      const stepsize = relativeStepsize * epsilon
      for (let restart = 0; restart < restarts; restart++) {
        const options = { norm, epsilon, steps, stepsize, randomStart, loss, trial, restart }
        if (yield* projectedAscent(sample, options)) return true
      }
      return false
    },
  })
}

/** Projected gradient descent (arXiv 1706.06083) with foolbox's steps; restarts are independent and stop at the first success. */
export const ProjectedGradient = projectedGradient('pgd', 'l2', { steps: 50, relativeStepsize: 0.025 })
export const ProjectedGradientLinf = projectedGradient('pgd-linf', 'linf', { steps: 40, relativeStepsize: 0.01 / 0.3 })
