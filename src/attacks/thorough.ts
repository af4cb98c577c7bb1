import { type AnyAttack, completeParameters, defineAttack } from './attack.ts'
import { autoDefaults, portfolio } from './auto.ts'
import { autoPgd } from './auto-pgd.ts'
import { CarliniWagner } from './carlini-wagner.ts'
import { DecoupledDirectionNorm } from './decoupled-direction-norm.ts'
import { searchRadius } from './epsilon-search.ts'
import { FastAdaptiveBoundary } from './fast-adaptive-boundary.ts'
import type { Task } from './query.ts'
import type { Sample } from './sample.ts'
import { sectionSearch } from './section-search.ts'

const DEFAULTS = {
  /** Steps of each targeted descent, over all classes. */
  steps: 400,
  targets: 9,
  ddnSteps: 200,
  fabSteps: 50,
  apgdSteps: 100,
  apgdSearchSteps: 4,
  restarts: 3,
  carliniWagnerSteps: 1000,
}

/** `auto` with every class and many times its steps, then DDN, FAB, APGD by margin around the best radius, and Carlini-Wagner. */
export const Thorough = defineAttack({
  name: 'thorough',
  norm: 'l2',
  access: 'gradient',
  goal: 'minimal',
  defaults: DEFAULTS,
  *run(sample, parameters) {
    const { steps, targets, restarts } = parameters
    yield* portfolio(sample, { ...autoDefaults, steps, targets, secondSteps: 2 * steps })
    yield* portfolio(sample, { ...autoDefaults, steps, targets, stepFactor: 0.5 })
    const stages: (() => Task)[] = [
      () => other(sample, DecoupledDirectionNorm, { steps: parameters.ddnSteps }),
      () => other(sample, FastAdaptiveBoundary, { steps: parameters.fabSteps, targets: Math.min(3, targets) }),
      () =>
        searchRadius(sample, 'l2', parameters.apgdSearchSteps, function* (epsilon, trial) {
          const { best } = sample
          for (let restart = 0; restart < restarts; restart++) {
            const keys = [5000, trial, restart]
            const options = {
              norm: 'l2',
              epsilon,
              steps: parameters.apgdSteps,
              loss: 'margin',
              rho: 0.75,
              keys,
            } as const
            if (yield* autoPgd(sample, options)) return true
          }
          return best.distance <= epsilon
        }),
      () => other(sample, CarliniWagner, { steps: parameters.carliniWagnerSteps, initialConst: 1 }),
    ]
    for (const stage of stages) {
      if (sample.settled()) return
      yield* stage()
    }
    yield* sectionSearch(sample)
  },
})

function other(sample: Sample, attack: AnyAttack, parameters: Record<string, number>): Task {
  return attack.run(sample, completeParameters(attack, parameters))
}
