import { defineAttack } from './attack.ts'
import { seedCrossEntropy, seedMargin } from './criterion.ts'
import { farthest, norm2, place, randomDirection, steepest } from './projection.ts'
import { gradientQuery } from './query.ts'
import { sectionSearch } from './section-search.ts'

function ddn(name: string, loss: string) {
  return defineAttack({
    name,
    norm: 'l2',
    access: 'gradient',
    goal: 'minimal',
    defaults: {
      steps: 100,
      gamma: 0.05,
      /** First radius; 0 = 1.5 times the certificate where there is one, else 1. */
      initialEpsilon: loss === 'margin' ? 0 : 1,
      /** 'cross-entropy' is the published one; on networks with small logits it pushes away from all classes at once. */
      loss,
      /** Whether a line search ends the run. */
      polish: true,
    },
    *run(sample, { steps, gamma, initialEpsilon, loss: kind, polish }) {
      const { domain, criterion, evidence } = sample
      const { size, classes } = domain
      const query = gradientQuery(size, classes)
      if (kind === 'margin') seedMargin(query, 0, criterion, classes)
      else seedCrossEntropy(query, 0, criterion, classes)
      const sign = kind === 'margin' ? -1 : 1
      const radius = sample.certificate?.radius ?? 0
      const scale = initialEpsilon > 0 ? initialEpsilon : radius > 0 ? 1.5 * radius : 1
      const worst = farthest(sample)
      const delta = new Float64Array(size)
      const direction = new Float64Array(size)
      let epsilon = scale
      for (let step = 0; step < steps && !sample.settled(); step++) {
        // Step length 1 to .01 of the first radius (1 in the paper) by a cosine.
        const alpha = (kind === 'margin' ? scale : 1) * (0.01 + (0.99 * (1 + Math.cos((Math.PI * step) / steps))) / 2)
        place(sample, delta, query.points)
        yield query
        const m = sample.observe(query.points, 0, query.logits, 0)
        if (Number.isNaN(m) || !Number.isFinite(norm2(query.gradients))) {
          evidence.nan = true
          return
        }
        if (!steepest(query.gradients, 0, 'l2', direction)) {
          evidence.zeroGradients++
          randomDirection(size, sample.random(step), direction)
        }
        for (let i = 0; i < size; i++) delta[i]! += sign * alpha * direction[i]!
        epsilon = Math.min(worst, epsilon * (m < 0 ? 1 - gamma : 1 + gamma))
        // Onto the sphere, always: direction and norm are decoupled.
        const length = norm2(delta)
        if (length > 0) for (let i = 0; i < size; i++) delta[i]! *= epsilon / length
      }
      if (polish) yield* sectionSearch(sample)
    },
  })
}

/** Decoupled direction and norm (arXiv 1811.09600): published cross-entropy, and the margin loss that suits Lipschitz networks. */
export const DecoupledDirectionNorm = ddn('ddn', 'margin')
export const DecoupledDirectionNormCe = ddn('ddn-ce', 'cross-entropy')
