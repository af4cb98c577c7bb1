import { beforeAll, describe, expect, it } from 'vitest'
import * as tf from '../../src/layers/tf.ts'
import { createLoss } from '../../src/losses/index.ts'
import { startBackend } from '../../src/training/backend.ts'
import { type GoldenTensor, hasGolden, readGolden, relativeError, toTensor } from './golden.ts'

interface Case {
  readonly loss: string
  readonly params: Readonly<Record<string, unknown>>
  readonly yTrue: GoldenTensor
  readonly yPred: GoldenTensor
  readonly value: number
  readonly gradient: GoldenTensor
}

describe.each(['wasm', 'cpu'] as const)('losses against deel-lip on %s', (backend) => {
  beforeAll(async () => {
    await startBackend(backend)
  }, 60_000)

  const cases = readGolden<Case>('losses')
  it.skipIf(!hasGolden('losses'))('there are cases', () => expect(cases.length).toBeGreaterThan(0))

  cases.forEach((c, i) => {
    it(`${i} ${c.loss} ${JSON.stringify(c.params)} [${c.yPred.shape}]`, () => {
      tf.tidy(() => {
        const loss = createLoss({ className: c.loss, config: c.params })
        const yTrue = toTensor(c.yTrue)
        const { value, grad } = tf.valueAndGrad((yPred: tf.Tensor) => loss.apply(yTrue, yPred))(toTensor(c.yPred))
        expect(Math.abs(value.dataSync()[0]! - c.value)).toBeLessThan(1e-5 * Math.max(1, Math.abs(c.value)))
        expect(relativeError(grad, c.gradient)).toBeLessThan(1e-5)
      })
    })
  })
})
