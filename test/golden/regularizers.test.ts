import { beforeAll, describe, expect, it } from 'vitest'
import { resolveRegularizer } from '../../src/layers/config/resolve-regularizer.ts'
import '../../src/layers/regularizers/index.ts'
import * as tf from '../../src/layers/tf.ts'
import { startBackend } from '../../src/training/backend.ts'
import { type GoldenTensor, hasGolden, readGolden, relativeError, toTensor } from './golden.ts'

interface Case {
  readonly regularizer: string
  readonly params: Readonly<Record<string, unknown>>
  readonly kernel: GoldenTensor
  readonly value: number
  readonly gradient: GoldenTensor
}

describe.each(['wasm', 'cpu'] as const)('regularizers against deel-lip on %s', (backend) => {
  beforeAll(async () => {
    await startBackend(backend)
  }, 60_000)

  const cases = readGolden<Case>('regularizers')
  it.skipIf(!hasGolden('regularizers'))('there are cases', () => expect(cases.length).toBeGreaterThan(0))

  cases.forEach((c, i) => {
    it(`${i} ${c.regularizer} ${JSON.stringify(c.params)}`, () => {
      tf.tidy(() => {
        const regularizer = resolveRegularizer({ class_name: c.regularizer, config: c.params })!
        const { value, grad } = tf.valueAndGrad((w: tf.Tensor) => regularizer.apply(w))(toTensor(c.kernel))
        expect(Math.abs(value.dataSync()[0]! - c.value)).toBeLessThan(1e-5 * c.value)
        expect(relativeError(grad, c.gradient)).toBeLessThan(1e-5)
      })
    })
  })
})
