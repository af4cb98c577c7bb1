import { beforeAll, describe, expect, it } from 'vitest'
import { createLayer } from '../../src/layers/config/layer-registry.ts'
import { GroupSort, Sequential, SpectralDense } from '../../src/layers/index.ts'
import * as tf from '../../src/layers/tf.ts'
import { startBackend } from '../../src/training/backend.ts'
import { EVERY_LAYER } from './every-layer.ts'

function inputFor(shape: readonly number[], batch = 3): tf.Tensor {
  return tf.randomNormal([batch, ...shape], 0, 1, 'float32', 7)
}

/** Saved and loaded by TensorFlow.js' own machinery, in memory. */
async function throughModelJson(model: tf.LayersModel): Promise<tf.LayersModel> {
  let saved: tf.io.ModelArtifacts | undefined
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      saved = JSON.parse(JSON.stringify({ ...artifacts, weightData: undefined }))
      saved!.weightData = artifacts.weightData!
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } }
    }),
  )
  return tf.loadLayersModel(tf.io.fromMemory(saved!))
}

describe('configurations', () => {
  beforeAll(async () => {
    await startBackend('wasm')
  })

  for (const { name, make, input } of EVERY_LAYER) {
    it(`${name}: getConfig -> JSON -> layer -> getConfig`, () => {
      const layer = make()
      const config = JSON.parse(JSON.stringify(layer.getConfig()))
      for (const key of Object.keys(config)) expect(key).toMatch(/^[a-z0-9_]+$/)
      for (const className of [layer.getClassName(), `deel-lip>${layer.getClassName()}`]) {
        const again = createLayer({ className, config })
        expect(again.constructor).toBe(layer.constructor)
        expect(JSON.parse(JSON.stringify(again.getConfig()))).toEqual(config)
      }
    })

    it(`${name}: equal weights and outputs after a round trip through its configuration`, () => {
      tf.tidy(() => {
        const layer = make()
        const again = createLayer({
          className: layer.getClassName(),
          config: JSON.parse(JSON.stringify(layer.getConfig())),
        })
        const x = inputFor(input)
        const y = layer.apply(x) as tf.Tensor
        const z = again.apply(x) as tf.Tensor
        expect(z.shape).toEqual(layer.computeOutputShape(x.shape))
        expect(z.dataSync()).toEqual(y.dataSync())
        // Seeds are in the configuration: the same draw.
        layer.weights.forEach((weight, i) => {
          expect(again.weights[i]!.read().dataSync()).toEqual(weight.read().dataSync())
        })
      })
    })

    it(`${name}: model.json`, async () => {
      const layer = createLayer({
        className: make().getClassName(),
        config: { ...make().getConfig(), batch_input_shape: [null, ...input] },
      })
      const model = new Sequential({ layers: [layer], kCoefLip: 1, onWarning: () => {} })
      const x = inputFor(input)
      // A training pass moves the state that has to be saved.
      tf.dispose(model.apply(x, { training: true }) as tf.Tensor)
      const loaded = await throughModelJson(model)
      expect(loaded.getClassName()).toBe('deel-lip>Sequential')
      expect((loaded.predict(x) as tf.Tensor).dataSync()).toEqual((model.predict(x) as tf.Tensor).dataSync())
      expect(JSON.stringify(loaded.layers.map((l) => l.getConfig()))).toBe(
        JSON.stringify(model.layers.map((l) => l.getConfig())),
      )
    })
  }

  it('reads Keras 3 objects', () => {
    const layer = createLayer({
      className: 'SpectralDense',
      config: {
        name: 'd',
        trainable: true,
        dtype: { module: 'keras', class_name: 'DTypePolicy', config: { name: 'float32' }, registered_name: null },
        units: 4,
        activation: {
          module: 'deel.lip.layers.activations',
          class_name: 'GroupSort',
          config: { name: 'gs', trainable: true, dtype: 'float32', n: 2, k_coef_lip: 1, data_format: 'channels_last' },
          registered_name: 'deel-lip>GroupSort',
          build_config: { input_shape: [null, 4] },
        },
        kernel_initializer: {
          module: 'keras.initializers',
          class_name: 'Orthogonal',
          config: { gain: 1, seed: null },
          registered_name: null,
        },
        eps_bjorck: null,
      },
    }) as SpectralDense
    expect(layer.activation).toBeInstanceOf(GroupSort)
    expect(layer.rko.epsBjorck).toBeNull()
    expect(layer.units).toBe(4)
  })

  it('equal seeds give equal weights, names and seeds tell layers apart', () => {
    const first = (options: { name: string; seed?: number }) =>
      tf.tidy(() => {
        const layer = new SpectralDense({ units: 4, kernelInitializer: 'orthogonal', ...options })
        layer.build([null, 4])
        return [...layer.getWeights()[0]!.dataSync()]
      })
    expect(first({ name: 'x' })).toEqual(first({ name: 'x', seed: 0 }))
    expect(first({ name: 'x' })).not.toEqual(first({ name: 'x', seed: 1 }))
    expect(first({ name: 'x' })).not.toEqual(first({ name: 'y' }))
  })
})
