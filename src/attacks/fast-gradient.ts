import { epsilonAttack } from './epsilon-search.ts'
import { projectedAscent } from './projected-ascent.ts'
import type { Norm } from './projection.ts'

function fastGradient(name: string, norm: Norm) {
  return epsilonAttack({
    name,
    norm,
    access: 'gradient',
    defaults: { loss: 'cross-entropy' },
    attempt: (sample, epsilon, { loss }, trial) =>
      projectedAscent(sample, { norm, epsilon, steps: 1, stepsize: epsilon, randomStart: false, loss, trial }),
  })
}

/** One step of steepest ascent as long as the radius (arXiv 1412.6572). */
export const FastGradient = fastGradient('fgm', 'l2')
export const FastGradientSign = fastGradient('fgsm', 'linf')
