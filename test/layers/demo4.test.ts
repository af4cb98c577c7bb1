import { beforeAll, describe, expect, it } from 'vitest'
import {
  evaluateLipConst,
  FrobeniusDense,
  GroupSort,
  ScaledL2NormPooling2D,
  Sequential,
  SpectralConv2D,
  SpectralDense,
} from '../../src/layers/index.ts'
import * as tf from '../../src/layers/tf.ts'
import { MulticlassHKR } from '../../src/losses/index.ts'
import { startBackend } from '../../src/training/backend.ts'

type Compat = 'deel-lip' | 'deel-lip-1.2' | null

function demo4(compat: Compat = null): Sequential {
  const common = { activation: new GroupSort({ n: 2 }), kernelInitializer: 'orthogonal', compat }
  return new Sequential({
    kCoefLip: 1,
    name: 'hkr_model',
    onWarning: (message) => {
      throw new Error(message)
    },
    layers: [
      new SpectralConv2D({ filters: 16, kernelSize: [3, 3], inputShape: [28, 28, 1], ...common }),
      new ScaledL2NormPooling2D({ poolSize: [2, 2] }),
      new SpectralConv2D({ filters: 32, kernelSize: [3, 3], ...common }),
      new ScaledL2NormPooling2D({ poolSize: [2, 2] }),
      tf.layers.flatten(),
      new SpectralDense({ units: 64, ...common }),
      new FrobeniusDense({ units: 10, useBias: false, kernelInitializer: 'orthogonal', compat }),
    ],
  })
}

describe("the seed's demo 4", () => {
  beforeAll(async () => {
    await startBackend('wasm')
  })

  it('has its parameters', () => {
    const model = demo4()
    expect(model.layers.map((layer) => layer.countParams())).toEqual([321, 0, 9281, 0, 0, 200_833, 1280])
    const lines: string[] = []
    model.summary(undefined, undefined, (line: string) => lines.push(line))
    expect(lines).toContain('Total params: 211715')
    expect(lines).toContain('Trainable params: 105856')
    expect(lines).toContain('Non-trainable params: 105859')
  })

  it('has the coefficients of deel-lip in compat, and bounds in strict', () => {
    const coefficients = (compat: Compat) =>
      demo4(compat).layers.flatMap((layer) => ('coefLip' in layer ? [(layer as SpectralConv2D).coefLip] : []))
    const compat = coefficients('deel-lip')
    expect(compat[0]).toBeCloseTo(28 / 82, 12)
    expect(compat.slice(1)).toEqual([2, expect.closeTo(14 / 40, 12), 2, 1, 1])
    expect(coefficients(null)).toEqual([1 / 3, 2, 1 / 3, 2, 1, 1])
  })

  it('has the loss 22.5 at zero logits in 1.5.1, 45 in 1.2.0', () => {
    tf.tidy(() => {
      const labels = tf.oneHot(tf.range(0, 10, 1, 'int32'), 10)
      const at = (options: ConstructorParameters<typeof MulticlassHKR>[0]) =>
        new MulticlassHKR({ alpha: 100, ...options }).apply(labels, tf.zeros([10, 10])).dataSync()[0]!
      expect(at({ minMargin: 0.25 })).toBeCloseTo(22.5, 4)
      expect(at({ minMargin: 0.25, compat: 'deel-lip-1.2' })).toBeCloseTo(45, 4)
      expect(at({ minMargin: 0.5 })).toBeCloseTo(45, 4)
    })
  })

  it('learns, keeps its constant, and leaks nothing', () => {
    const model = demo4()
    const optimizer = tf.train.adam(1e-2)
    const x = tf.randomUniform([16, 28, 28, 1], 0, 1, 'float32', 3)
    const y = tf.oneHot(
      tf.tensor1d(
        Array.from({ length: 16 }, (_, i) => i % 10),
        'int32',
      ),
      10,
    )
    const loss = new MulticlassHKR({ alpha: 10, minMargin: 0.5 })
    const step = (): number => {
      const value = optimizer.minimize(
        () => loss.apply(y, model.apply(x, { training: true }) as tf.Tensor) as tf.Scalar,
        true,
      )!
      const number = value.dataSync()[0]!
      value.dispose()
      return number
    }
    const first = step()
    step()
    const tensors = tf.memory().numTensors
    for (let i = 0; i < 10; i++) {
      step()
      ;(model.predict(x) as tf.Tensor).dispose()
      expect(tf.memory().numTensors).toBe(tensors)
    }
    expect(step()).toBeLessThan(first)
    // Each logit is 1-Lipschitz, ten of them together at most sqrt(10).
    const estimate = evaluateLipConst(model, x)
    expect(estimate).toBeGreaterThan(0.1)
    expect(estimate).toBeLessThanOrEqual(Math.sqrt(10) * (1 + 1e-5))
  })
})
