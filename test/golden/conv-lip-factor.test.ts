import { describe, expect, it } from 'vitest'
import { convLipFactor } from '../../src/layers/normalizers/index.ts'
import { hasGolden, readGolden } from './golden.ts'

interface Case {
  readonly kernelSize: [number, number]
  readonly strides: [number, number]
  readonly inputShape: readonly number[]
  readonly dataFormat: string
  readonly factor: number
}

describe.skipIf(!hasGolden('conv-lip-factor'))('convolution coefficient against deel-lip', () => {
  const cases = readGolden<Case>('conv-lip-factor')

  it('compat reproduces it', () => {
    for (const { kernelSize, strides, inputShape, dataFormat, factor } of cases) {
      const [a, b, c] = inputShape as [number, number, number]
      const size: [number, number] = dataFormat === 'channels_last' ? [a, b] : [b, c]
      expect(convLipFactor(kernelSize, strides, size, 'deel-lip')).toBeCloseTo(factor, 12)
    }
  })

  it('strict never exceeds it, and is smaller where it is not a bound', () => {
    for (const { kernelSize, strides, inputShape, factor } of cases) {
      const strict = convLipFactor(kernelSize, strides, [inputShape[0]!, inputShape[1]!], null)
      expect(strict).toBeLessThanOrEqual(factor * (1 + 1e-12))
    }
    expect(convLipFactor([3, 3], [1, 1], [28, 28], null)).toBeCloseTo(1 / 3, 15)
    expect(convLipFactor([3, 3], [1, 1], [28, 28], 'deel-lip')).toBeCloseTo(28 / 82, 15)
  })
})
