import { beforeAll, describe, expect, it } from 'vitest'
import * as tf from '../../src/layers/tf.ts'
import { createMetric } from '../../src/metrics/index.ts'
import { startBackend } from '../../src/training/backend.ts'
import { type GoldenTensor, hasGolden, readGolden, toTensor } from './golden.ts'

interface Case {
  readonly metric: string
  readonly params: Readonly<Record<string, unknown>>
  readonly yTrue: GoldenTensor
  readonly yPred: GoldenTensor
  readonly value: number
}

describe('metrics against deel-lip', () => {
  beforeAll(async () => {
    await startBackend('wasm')
  }, 60_000)

  const cases = readGolden<Case>('metrics')
  it.skipIf(!hasGolden('metrics'))('there are cases', () => expect(cases.length).toBeGreaterThan(0))

  cases.forEach((c, i) => {
    it(`${i} ${c.metric} ${JSON.stringify(c.params)}`, () => {
      tf.tidy(() => {
        const metric = createMetric({ className: c.metric, config: c.params })
        const value = metric.apply(toTensor(c.yTrue), toTensor(c.yPred)).dataSync()[0]!
        expect(Math.abs(value - c.value)).toBeLessThan(1e-6)
      })
    })
  })
})
