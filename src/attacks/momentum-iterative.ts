import { epsilonAttack } from './epsilon-search.ts'
import { projectedAscent } from './projected-ascent.ts'
import type { Norm } from './projection.ts'

function momentumIterative(name: string, norm: Norm) {
  return epsilonAttack({
    name,
    norm,
    access: 'gradient',
    defaults: { steps: 10, relativeStepsize: 0.2, momentum: 1, loss: 'cross-entropy' },
    attempt: (sample, epsilon, { steps, relativeStepsize, momentum, loss }, trial) =>
      projectedAscent(sample, {
        norm,
        epsilon,
        steps,
        stepsize: relativeStepsize * epsilon,
        randomStart: false,
        momentum,
        loss,
        trial,
      }),
  })
}

/** Momentum iterative method (arXiv 1710.06081). */
export const MomentumIterative = momentumIterative('mim', 'l2')
export const MomentumIterativeLinf = momentumIterative('mim-linf', 'linf')
