import { epsilonAttack } from './epsilon-search.ts'
import { projectedAscent } from './projected-ascent.ts'
import type { Norm } from './projection.ts'

function basicIterative(name: string, norm: Norm) {
  return epsilonAttack({
    name,
    norm,
    access: 'gradient',
    defaults: { steps: 10, relativeStepsize: 0.2, loss: 'cross-entropy' },
    attempt: (sample, epsilon, { steps, relativeStepsize, loss }, trial) =>
      projectedAscent(sample, {
        norm,
        epsilon,
        steps,
        stepsize: relativeStepsize * epsilon,
        randomStart: false,
        loss,
        trial,
      }),
  })
}

/** Basic iterative method (arXiv 1607.02533), from the image itself. */
export const BasicIterative = basicIterative('bim', 'l2')
export const BasicIterativeLinf = basicIterative('bim-linf', 'linf')
