import { beforeAll, describe, expect, it } from 'vitest'
import { createLayer, isOwnLayer } from '../../src/layers/config/layer-registry.ts'
import '../../src/layers/index.ts'
import { withCamelKeys } from '../../src/layers/config/python-keys.ts'
import { ReparametrisedLayer } from '../../src/layers/reparametrised-layer.ts'
import * as tf from '../../src/layers/tf.ts'
import { startBackend } from '../../src/training/backend.ts'
import { type GoldenTensor, hasGolden, readGolden, relativeError, toTensor } from './golden.ts'

interface Case {
  readonly layer: string
  readonly params: Readonly<Record<string, unknown>>
  readonly input: GoldenTensor
  readonly initialWeights: Readonly<Record<string, GoldenTensor>>
  readonly weightsAfterCall: Readonly<Record<string, GoldenTensor>>
  readonly outputTraining: GoldenTensor
  readonly outputInference: GoldenTensor
  readonly cotangent: GoldenTensor
  readonly gradInput: GoldenTensor
  readonly gradWeights: Readonly<Record<string, GoldenTensor>>
}

const TOLERANCE = 1e-5

/** Weights by their short names ('kernel', 'sn', ...). */
function weightsByName(layer: tf.layers.Layer): Map<string, tf.LayerVariable> {
  return new Map(layer.weights.map((weight) => [weight.originalName.replace(/^.*\//, ''), weight]))
}

function build(c: Case): tf.layers.Layer {
  const layer = createLayer({ className: c.layer, config: { ...withCamelKeys(c.params), compat: 'deel-lip' } })
  layer.build([...c.input.shape])
  layer.built = true
  const weights = weightsByName(layer)
  for (const [name, value] of Object.entries(c.initialWeights)) {
    ;(weights.get(name)!.read() as tf.Variable).assign(toTensor(value))
  }
  return layer
}

describe.each(['wasm', 'cpu'] as const)('layers against deel-lip on %s', (backend) => {
  beforeAll(async () => {
    await startBackend(backend)
  }, 60_000)

  const cases = readGolden<Case>('layers')
  it.skipIf(!hasGolden('layers'))('has cases', () => {
    expect(cases.length).toBeGreaterThan(30)
  })

  cases.forEach((c, i) => {
    const run = isOwnLayer(c.layer) ? it : it.skip
    run(`${i} ${c.layer} ${JSON.stringify(c.params)}`, () => {
      tf.tidy(() => {
        const layer = build(c)
        const x = toTensor(c.input)
        const training = layer.apply(x, { training: true }) as tf.Tensor
        expect(relativeError(training, c.outputTraining)).toBeLessThan(TOLERANCE)
        const inference = layer.apply(x) as tf.Tensor
        expect(relativeError(inference, c.outputInference)).toBeLessThan(TOLERANCE)
        const weights = weightsByName(layer)
        for (const [name, value] of Object.entries(c.weightsAfterCall)) {
          expect(relativeError(weights.get(name)!.read(), value), name).toBeLessThan(TOLERANCE)
        }
      })
    })

    run(`${i} ${c.layer} gradients`, () => {
      tf.tidy(() => {
        const layer = build(c)
        const cotangent = toTensor(c.cotangent)
        const product = (x: tf.Tensor) => tf.sum(tf.mul(layer.apply(x, { training: true }) as tf.Tensor, cotangent))
        const state = layer instanceof ReparametrisedLayer ? layer.weights.map((w) => tf.clone(w.read())) : []
        expect(relativeError(tf.grad(product)(toTensor(c.input)), c.gradInput), 'input').toBeLessThan(TOLERANCE)
        // The first pass moved u: start again from the initial state.
        if (state.length > 0) layer.setWeights(state)
        const names = Object.keys(c.gradWeights)
        if (names.length === 0) return
        const weights = weightsByName(layer)
        const variables = names.map((name) => weights.get(name)!.read() as tf.Variable)
        const { grads } = tf.variableGrads(() => product(toTensor(c.input)) as tf.Scalar, variables)
        names.forEach((name, k) => {
          expect(relativeError(grads[variables[k]!.name]!, c.gradWeights[name]!), name).toBeLessThan(TOLERANCE)
        })
      })
    })
  })
})
