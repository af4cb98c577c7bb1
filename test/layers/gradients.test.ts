import { describe, expect, it } from 'vitest'
import * as L from '../../src/layers/index.ts'
import * as tf from '../../src/layers/tf.ts'
import { randomStream } from '../../src/linalg/random.ts'
import { startBackend } from '../../src/training/backend.ts'
import { EVERY_LAYER, type LayerCase } from './every-layer.ts'

interface Pass {
  readonly output: Float32Array
  readonly gradients: readonly Float32Array[]
}

/** One draw of the seeds, which hang on the layer's automatic name. */
function frozen(c: LayerCase): LayerCase {
  const layer = c.make()
  const config = layer.getConfig() as Record<string, unknown>
  return { ...c, make: () => L.createLayer({ className: layer.getClassName(), config }) }
}

const CASES = EVERY_LAYER.map(frozen)

function input({ input: shape, name }: LayerCase): tf.Tensor {
  const { normal } = randomStream(name.length, 3)
  const size = 2 * shape.reduce((a, b) => a * b, 1)
  return tf.tensor(Float32Array.from({ length: size }, normal), [2, ...shape])
}

/** Forward and gradients by input and trainable weights, under a fixed random cotangent, in training mode. */
function pass(c: LayerCase): Pass {
  return tf.tidy(() => {
    const layer = c.make()
    const x = input(c)
    layer.build(x.shape)
    layer.built = true
    const variables = layer.trainableWeights.map((weight) => weight.read() as tf.Variable)
    const state = layer.weights.map((weight) => tf.clone(weight.read()))
    const y = layer.apply(x, { training: true }) as tf.Tensor
    const { normal } = randomStream(5)
    const cotangent = tf.tensor(Float32Array.from({ length: y.size }, normal), y.shape)
    const product = (v: tf.Tensor) =>
      tf.sum(tf.mul(layer.apply(v, { training: true }) as tf.Tensor, cotangent)) as tf.Scalar
    layer.setWeights(state)
    const byInput = tf.grad(product)(x)
    layer.setWeights(state)
    const byWeight = variables.length === 0 ? {} : tf.variableGrads(() => product(x), variables).grads
    const gradients = [byInput, ...variables.map((variable) => byWeight[variable.name]!)]
    const copies = gradients.map((gradient) => Float32Array.from(gradient.dataSync()))
    layer.setWeights(state)
    return { output: Float32Array.from(y.dataSync()), gradients: copies }
  }) as unknown as Pass
}

function expectClose(actual: Float32Array, expected: Float32Array, tolerance: number, what: string): void {
  expect(actual.length, what).toBe(expected.length)
  const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3)
  const error = actual.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0)
  expect(error / scale, what).toBeLessThan(tolerance)
}

describe('wasm and cpu agree', () => {
  for (const c of CASES) {
    it(c.name, async () => {
      await startBackend('wasm')
      const wasm = pass(c)
      await startBackend('cpu')
      const cpu = pass(c)
      expectClose(wasm.output, cpu.output, 2e-5, 'output')
      wasm.gradients.forEach((gradient, i) => {
        expectClose(gradient, cpu.gradients[i]!, 2e-4, `gradient ${i}`)
      })
    })
  }
})

describe('gradients against central differences', () => {
  for (const c of CASES) {
    it(c.name, async () => {
      await startBackend('cpu')
      const { gradients } = pass(c)
      tf.tidy(() => {
        const layer = c.make()
        const x = input(c)
        layer.build(x.shape)
        layer.built = true
        const variables = layer.trainableWeights.map((weight) => weight.read() as tf.Variable)
        const state = layer.weights.map((weight) => tf.clone(weight.read()))
        const { normal } = randomStream(5)
        const size = (layer.apply(x, { training: true }) as tf.Tensor).size
        const cotangent = Float32Array.from({ length: size }, normal)
        // float64 sum of float32 outputs: the differences are not lost in the sum.
        const product = (at: tf.Tensor): number => {
          const y = (layer.apply(at, { training: true }) as tf.Tensor).dataSync()
          return cotangent.reduce((sum, value, i) => sum + value * y[i]!, 0)
        }
        const h = 1e-2
        gradients.forEach((gradient, i) => {
          const stream = randomStream(17, i)
          const direction = Float32Array.from({ length: gradient.length }, () => stream.normal())
          const norm = Math.hypot(...direction)
          const unit = direction.map((value) => value / norm)
          const along = (step: number): number => {
            layer.setWeights(state)
            if (i === 0)
              return product(
                tf.add(
                  x,
                  tf.tensor(
                    unit.map((value) => value * step),
                    x.shape,
                  ),
                ),
              )
            const variable = variables[i - 1]!
            variable.assign(
              tf.add(
                variable,
                tf.tensor(
                  unit.map((value) => value * step),
                  variable.shape,
                ),
              ),
            )
            return product(x)
          }
          // Richardson: the step is large because float32 is short.
          const coarse = (along(h) - along(-h)) / (2 * h)
          const fine = (along(h / 2) - along(-h / 2)) / h
          const expected = (4 * fine - coarse) / 3
          const actual = gradient.reduce((sum, value, k) => sum + value * unit[k]!, 0)
          expect(Math.abs(actual - expected), `gradient ${i}: ${actual} and ${expected}`).toBeLessThan(
            1e-2 * Math.max(1, Math.hypot(...gradient)),
          )
        })
      })
    })
  }
})

describe('nothing leaks', () => {
  for (const c of CASES) {
    it(c.name, async () => {
      await startBackend('wasm')
      const layer = c.make()
      const x = input(c)
      const work = (): void => {
        tf.dispose(layer.apply(x, { training: true }) as tf.Tensor)
        tf.dispose(layer.apply(x) as tf.Tensor)
        const variables = layer.trainableWeights.map((weight) => weight.read() as tf.Variable)
        if (variables.length > 0) {
          const loss = () => tf.mean(layer.apply(x, { training: true }) as tf.Tensor) as tf.Scalar
          const { value, grads } = tf.variableGrads(loss, variables)
          tf.dispose([value, ...Object.values(grads)])
        }
        if (layer instanceof L.ReparametrisedLayer) {
          const weights = layer.effectiveWeights(true)
          layer.commitState(weights)
          tf.dispose(Object.values(weights) as tf.Tensor[])
          tf.dispose(Object.values(layer.effectiveWeights(false)) as tf.Tensor[])
          layer.condense()
        }
      }
      work()
      const before = tf.memory().numTensors
      for (let i = 0; i < 5; i++) work()
      expect(tf.memory().numTensors).toBe(before)
    })
  }
})
