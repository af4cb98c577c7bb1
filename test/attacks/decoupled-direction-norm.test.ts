import { describe, expect, it } from 'vitest'
import { runAttack } from '../../src/attacks/registry.ts'
import { affine, victimOf } from './analytic-victim.ts'

const WEIGHTS = [
  [1, -0.5, 0.25, 2],
  [-1, 1.5, 0.5, -0.5],
  [0.3, 0.2, -2, 0.1],
]
const BIAS = [0.4, 0.1, 0.6]

/** foolbox's loop (arXiv 1811.09600), written down again in plain arrays for one sample of an affine network and the box [0, 1]. */
function transcription(image: readonly number[], label: number, steps: number, gamma: number): number {
  const norm = (v: readonly number[]) => Math.hypot(...v)
  const worst = norm(image.map((x) => Math.max(x, 1 - x)))
  let delta = image.map(() => 0)
  let epsilon = 1
  let best = Infinity
  for (let i = 0; i < steps; i++) {
    const stepsize = 0.01 + ((1 - 0.01) * (1 + Math.cos((Math.PI * i) / steps))) / 2
    const x = image.map((v, j) => v + delta[j]!)
    const logits = WEIGHTS.map((row, k) => row.reduce((s, w, j) => s + w * x[j]!, BIAS[k]!))
    const total = logits.reduce((s, z) => s + Math.exp(z), 0)
    // Gradient of the cross-entropy: sum over k of (softmax_k - [k = label]) w_k.
    const raw = image.map((_, j) =>
      WEIGHTS.reduce((s, row, k) => s + (Math.exp(logits[k]!) / total - (k === label ? 1 : 0)) * row[j]!, 0),
    )
    const adversarial = logits.indexOf(Math.max(...logits)) !== label
    if (adversarial) best = Math.min(best, norm(delta))
    delta = delta.map((d, j) => d + (stepsize * raw[j]!) / norm(raw))
    epsilon = Math.min(worst, epsilon * (adversarial ? 1 - gamma : 1 + gamma))
    const length = norm(delta)
    delta = delta.map((d, j) => Math.min(1, Math.max(0, image[j]! + (d * epsilon) / length)) - image[j]!)
  }
  return best
}

describe("DDN with the published loss is foolbox's", () => {
  for (const [image, steps] of [
    [[0.9, 0.1, 0.5, 0.7], 40],
    [[0.5, 0.5, 0.5, 0.5], 100],
    // At the faces of the box.
    [[1, 0, 0, 1], 60],
  ] as const) {
    it(`from ${image.join(', ')} in ${steps} steps`, async () => {
      const { report } = await runAttack('ddn-ce', victimOf(affine(WEIGHTS, BIAS)), {
        samples: [{ index: 0, label: 0, image: Float32Array.from(image) }],
        parameters: { steps, polish: false },
      })
      const exact = [...Float32Array.from(image)]
      expect(report.samples[0]!.distance! / transcription(exact, 0, steps, 0.05)).toBeCloseTo(1, 4)
    })
  }
})
