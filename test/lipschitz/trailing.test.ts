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
