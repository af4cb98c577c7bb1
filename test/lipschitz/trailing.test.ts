import { expect, it } from 'vitest'
import { analyse } from '../../src/lipschitz/analyse.ts'
import { conv, dense, programOf, random } from './networks.ts'

it('rows of many classes are taken behind the pooling, at no loss', async () => {
  const classes = 1400
  const weights = random(1, classes * 4, 0.1)
  const analysis = await analyse(
    programOf([1, 1, 32, 32], [1, classes], (b, x) => {
      const map = b.node('Relu', [conv(b, x, random(2, 4), [4, 1, 1, 1])])
      return dense(b, b.node('Flatten', [b.node('GlobalAveragePool', [map])]), weights, classes, 4)
    }),
  )
  const { features } = analysis.proof!.trailing
  expect(analysis.program.values.get(features)!.dims.reduce((n, dim) => n * dim, 1)).toBe(4)
  const body = analysis.proof!.constants.of(features)
  // The mean of 1,024 positions has norm 1/32.
  expect(body).toBeLessThan(1.001 * (analysis.layers[0]!.upper! / 32))
  const largest = Math.max(
    ...Array.from({ length: classes }, (_, k) => Math.hypot(...weights.subarray(4 * k, 4 * k + 4))),
  )
  expect(analysis.bounds.logit.upper! / (largest * body)).toBeCloseTo(1, 6)
})

it('a row whose float64 sum loses everything still counts, in single outputs, in pairs and in all together', async () => {
  // Three hidden units of one input: 2^60 x, x, -2^60 x; output 0 is their sum, x, of which float64 keeps nothing. Output 1 is 0.
  const analysis = await analyse(
    programOf([1, 1], [1, 2], (b, x) =>
      dense(
        b,
        dense(b, b.node('Relu', [x]), Float32Array.of(2 ** 60, 1, -(2 ** 60)), 3, 1),
        Float32Array.of(1, 1, 1, 0, 0, 0),
        2,
        3,
      ),
    ),
  )
  const { outputs, trailing } = analysis.proof!
  expect([...trailing.rows.get(trailing.features)![0]!]).toEqual([0])
  expect(outputs.logits[0]!).toBeGreaterThanOrEqual(1)
  expect(outputs.pair(0, 1)).toBeGreaterThanOrEqual(1)
  expect(outputs.joint).toBeGreaterThanOrEqual(1)
})
