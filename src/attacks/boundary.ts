import { defineAttack } from './attack.ts'
import { norm2, TINY } from './projection.ts'
import { logitsQuery } from './query.ts'
import { distanceL2 } from './sample.ts'
import { findStart } from './starting-point.ts'

/**
 * Boundary attack (arXiv 1712.04248): a random walk along the decision boundary. Each step draws a direction on the sphere around the
 * image, then moves towards it; both step lengths follow their success rates.
 */
export const Boundary = defineAttack({
  name: 'boundary',
  norm: 'l2',
  access: 'logits',
  goal: 'minimal',
  defaults: { steps: 5000, sphericalStep: 0.01, sourceStep: 0.01, convergence: 1e-7, adaptation: 1.5 },
  *run(sample, { steps, sphericalStep, sourceStep, convergence, adaptation }) {
    if (!(yield* findStart(sample))) return
    const { image, domain } = sample
    const { size, classes, low, high } = domain
    const x = sample.best.point.slice()
    const query = logitsQuery(size, classes, 2)
    const noise = new Float64Array(size)
    let sigma = sphericalStep
    let nu = sourceStep
    const spherical: boolean[] = []
    const full: boolean[] = []
    for (let step = 0; step < steps && nu >= convergence && !sample.settled(); step++) {
      const distance = distanceL2(image, x)
      const random = sample.random(2000, step)
      // Orthogonal to the line to the image.
      let along = 0
      for (let i = 0; i < size; i++) {
        noise[i] = random.normal()
        along += (noise[i]! * (image[i]! - x[i]!)) / distance
      }
      for (let i = 0; i < size; i++) noise[i]! -= (along * (image[i]! - x[i]!)) / distance
      const length = Math.max(norm2(noise), TINY)
      const shrink = 1 / Math.sqrt(1 + sigma * sigma)
      let gap = 0
      for (let i = 0; i < size; i++) {
        const eta = (sigma * distance * noise[i]!) / length
        const value = image[i]! + shrink * (eta - (image[i]! - x[i]!))
        const clipped = Math.max(low[i]!, Math.min(high[i]!, value))
        query.points[i] = clipped
        gap += (image[i]! - clipped) ** 2
      }
      gap = Math.sqrt(gap)
      const reach = Math.max(0, nu * distance + gap - distance) / Math.max(gap, TINY)
      for (let i = 0; i < size; i++) {
        query.points[size + i] = query.points[i]! + reach * (image[i]! - query.points[i]!)
      }
      // The second point counts only when the first is adversarial; asked for together, they share a batch.
      yield query
      const onSphere = sample.observe(query.points, 0, query.logits, 0) < 0
      const nearer = sample.observe(query.points, size, query.logits, classes) < 0
      if (onSphere && nearer && distanceL2(image, query.points, size) < distance) x.set(query.points.subarray(size))
      if (step % 10 === 0) {
        remember(spherical, onSphere, 100)
        if (onSphere) remember(full, nearer, 30)
        if (spherical.length >= 10) {
          const rate = share(spherical)
          if (rate > 0.5) {
            sigma *= adaptation
            nu *= adaptation
            spherical.length = 0
          } else if (rate < 0.2) {
            sigma /= adaptation
            nu /= adaptation
            spherical.length = 0
          }
        }
        if (full.length >= 10) {
          const rate = share(full)
          if (rate > 0.25) {
            nu *= adaptation
            full.length = 0
          } else if (rate < 0.1) {
            nu /= adaptation
            full.length = 0
          }
        }
      }
    }
  },
})

function remember(history: boolean[], value: boolean, most: number): void {
  history.push(value)
  if (history.length > most) history.shift()
}

function share(history: readonly boolean[]): number {
  return history.filter(Boolean).length / history.length
}
