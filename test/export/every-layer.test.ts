import { beforeAll, describe, expect, it } from 'vitest'
import { describeNetwork } from '../../src/export/describe.ts'
import { certifiedModel } from '../../src/export/export-model.ts'
import { lower } from '../../src/export/lower.ts'
import { prepare } from '../../src/graph/prepare.ts'
import * as L from '../../src/layers/index.ts'
import * as tf from '../../src/layers/tf.ts'
import { analyse } from '../../src/lipschitz/analyse.ts'
import { GraphBuilder } from '../../src/onnx/builder.ts'
import { startBackend } from '../../src/training/backend.ts'
import { DRAWS, drawNetwork } from './every-layer.ts'
import { largestDifference, onnxLogits } from './onnx-logits.ts'

const SEEDS = process.env.LIP_ONNX_SLOW ? Array.from({ length: 12 }, (_, seed) => seed) : [0, 1]
const COUNT = 3

describe('every layer, in a network of random geometry and weights', () => {
  beforeAll(() => startBackend('cpu'))

  it.each(DRAWS.flatMap((draw) => SEEDS.map((seed) => [draw.name, seed, draw] as const)))(
    '%s, seed %i',
    async (_, seed, draw) => {
      const { model, inputShape } = drawNetwork(draw, seed)
      const network = describeNetwork('drawn', model.layers, inputShape)
      const { logits, samples } = await onnxLogits(network, COUNT, seed)
      const theirs = (model.predict(tf.tensor(samples, [COUNT, ...inputShape])) as tf.Tensor).dataSync()
      expect(largestDifference(logits, theirs)).toBeLessThan(1e-4)

      const builder = new GraphBuilder()
      lower(network, builder, { batch: 'N', weights: 'initializers' })
      const onnx = builder.build()
      const { bounds, coverage } = await analyse(prepare(onnx, { batch: 1 }))
      expect(coverage.refused).toEqual([])
      const upper = bounds.logit.upper!
      expect(upper).toBeGreaterThan(0)
      if (process.env.LIP_ONNX_BOUNDS) console.log(`BOUND ${draw.name} ${seed} ${upper}`)
      if ((draw.constant ?? 'one') === 'one') expect(upper).toBeLessThan(1 + 1e-5)

      const exported = await certifiedModel(network)
      const again = await analyse(prepare(exported.model, { batch: 1 }))
      expect(again.bounds.logit.upper!).toBeLessThanOrEqual(1)
      expect(exported.claim.upper).toBe(1)
    },
  )

  it('covers every layer of the library', () => {
    const drawn = new Set(DRAWS.map(({ name }) => name.replace(/[( ].*$/, '')))
    const layers = Object.entries(L).flatMap(([name, value]) =>
      typeof value === 'function' && value.prototype instanceof tf.layers.Layer ? [name] : [],
    )
    const containers = ['LipschitzLayer', 'ReparametrisedLayer', 'Sequential', 'Model']
    // Merges branches: test/export/branches.test.ts.
    const elsewhere = ['LipResidual']
    expect(
      layers.filter((name) => !drawn.has(name) && !containers.includes(name) && !elsewhere.includes(name)),
    ).toEqual([])
  })
})
