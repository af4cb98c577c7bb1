import { beforeAll, describe, expect, it } from 'vitest'
import { LipError } from '../../src/errors.ts'
import * as tf from '../../src/layers/tf.ts'
import { startBackend } from '../../src/training/backend.ts'
import { onnxruntimeEngine } from '../../src/training/onnxruntime-engine.ts'
import { tfjsEngine } from '../../src/training/tfjs-engine.ts'
import { DRAWS, drawNetwork, drawSamples } from './every-layer.ts'
import { largestDifference } from './onnx-logits.ts'

/** What training with onnxruntime refuses, so that it falls back to tfjs: batch statistics, noise, constants made of weights. */
const REFUSED = [
  'BatchCentering',
  'BatchLipNorm',
  'BatchNormalization',
  'Dropout',
  'Householder',
  'SpectralDense(Householder)',
  'Householder of pi / 2',
  'SpectralConv2D(PReLUlip)',
]
const COUNT = 5

describe('every layer in training', () => {
  beforeAll(() => startBackend('cpu'))

  it.each(DRAWS.map((draw) => [draw.name, draw] as const))('%s', async (name, draw) => {
    const { model, inputShape } = drawNetwork(draw, 0)
    const weights = Float32Array.from({ length: 3 * COUNT }, (_, i) => Math.sin(1 + i))
    const objective = {
      batchLoss: (_: Int32Array, logits: tf.Tensor) =>
        tf.sum(tf.mul(logits, tf.tensor(weights, [COUNT, 3]))) as tf.Scalar,
    }
    const options = { layers: model.layers, inputShape, objective: objective as never }
    const ours = onnxruntimeEngine({ ...options, microBatch: 3, threads: 1 })
    if (REFUSED.includes(name)) {
      await expect(ours).rejects.toThrow(LipError)
      return
    }
    const engine = await ours
    const { first } = drawSamples(inputShape, COUNT, 0)
    const labels = new Int32Array(COUNT)
    const theirs = await tfjsEngine(options).step(first, labels)
    const mine = await engine.step(first, labels)
    await engine.dispose()
    expect(largestDifference(mine.logits, theirs.logits)).toBeLessThan(1e-4)
    mine.gradients.forEach((gradient, i) => {
      expect(largestDifference(gradient, theirs.gradients[i]!)).toBeLessThan(1e-3)
    })
  })
})
