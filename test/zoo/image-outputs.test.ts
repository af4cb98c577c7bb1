/** Networks from images to images: an output of 16,384 elements has 134 million pairs, which nobody lists. */
import { expect, it } from 'vitest'
import { prepare } from '../../src/graph/prepare.ts'
import { analyse } from '../../src/lipschitz/analyse.ts'
import { withLowerBounds } from '../../src/lipschitz/jacobian-lower.ts'
import { modelOf } from '../soundness/examine.ts'

it('a bracket for an image of 128 x 128', async () => {
  const model = modelOf([1, 1, 128, 128], (b, x) => b.node('Mul', [b.node('Relu', [x]), b.constant([2])]))
  const upper = await analyse(prepare(model, { batch: 1 }))
  const point = new Float64Array(upper.inputSize).fill(1)
  const { logit, joint, pair } = withLowerBounds(upper, [point], { steps: 1, candidates: 1 }).bounds
  expect([logit.upper, joint.upper]).toEqual([2, 2])
  expect(pair.upper!).toBeCloseTo(2 * Math.SQRT2, 9)
  for (const { lower } of [logit, joint]) expect(lower).toBeGreaterThan(1.99)
  expect(pair.lower).toBeGreaterThan(2.8)
}, 30_000)
