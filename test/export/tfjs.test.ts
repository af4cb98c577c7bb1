import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeModel } from '../../src/export/describe.ts'
import { loadModel } from '../../src/export/tfjs/load-model.ts'
import { readTfjsModel } from '../../src/export/tfjs/read-model.ts'
import { writeTfjsModel } from '../../src/export/tfjs/write-model.ts'
import { createLayer } from '../../src/layers/config/layer-registry.ts'
import * as L from '../../src/layers/index.ts'
import * as tf from '../../src/layers/tf.ts'
import { startBackend } from '../../src/training/backend.ts'
import { EVERY_LAYER } from '../layers/every-layer.ts'
import { largestDifference, onnxLogits } from './onnx-logits.ts'

let folder: string
beforeAll(async () => {
  await startBackend('cpu')
  folder = await mkdtemp(join(tmpdir(), 'lip-onnx-tfjs-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

function smallNetwork(): L.Sequential {
  return new L.Sequential({
    name: 'small',
    layers: [
      new L.SpectralConv2D({
        name: 'conv',
        filters: 4,
        kernelSize: 3,
        activation: new L.GroupSort2(),
        batchInputShape: [null, 5, 4, 1],
      }),
      new L.ScaledL2NormPooling2D({ name: 'pool', poolSize: 2 }),
      tf.layers.flatten({ name: 'flat' }),
      new L.FrobeniusDense({ name: 'head', units: 3 }),
    ],
  })
}

describe('model.json', () => {
  for (const { name, make, input } of EVERY_LAYER) {
    it(`${name}: every argument, every weight`, async () => {
      const layer = createLayer({
        className: make().getClassName(),
        config: { ...make().getConfig(), batch_input_shape: [null, ...input] },
      })
      const model = new L.Sequential({ name: 'one', layers: [layer], kCoefLip: 1, onWarning: () => {} })
      const x = tf.randomNormal([3, ...input], 0, 1, 'float32', 7)
      // A training pass moves the state that has to be saved.
      tf.dispose(model.apply(x, { training: true }) as tf.Tensor)
      const path = join(folder, 'every.json')
      await writeTfjsModel(model, path)

      const { modelTopology } = JSON.parse(await readFile(path, 'utf8'))
      const [stored] = modelTopology.config.layers
      expect(stored.class_name).toBe(layer.getClassName())
      expect(stored.config).toEqual(JSON.parse(JSON.stringify(layer.getConfig())))

      const loaded = await loadModel(path)
      expect((loaded.predict(x) as tf.Tensor).dataSync()).toEqual((model.predict(x) as tf.Tensor).dataSync())
      expect(JSON.stringify(loaded.layers.map((l) => l.getConfig()))).toBe(JSON.stringify([layer.getConfig()]))
      const description = await readTfjsModel(path)
      // Configurations in memory may keep undefined values.
      expect(JSON.parse(JSON.stringify(weightsOf(description)))).toEqual(
        JSON.parse(JSON.stringify(weightsOf(describeModel(model)))),
      )
      expect(description.inputShape).toEqual([...input])
    })
  }

  it('exports without TensorFlow.js what TensorFlow.js computes', async () => {
    const model = smallNetwork()
    const path = join(folder, 'model.json')
    await writeTfjsModel(model, path)
    expect((await readdir(folder)).filter((file) => file.startsWith('model'))).toEqual([
      'model.json',
      'model.weights.bin',
    ])
    const { logits, samples } = await onnxLogits(await readTfjsModel(path), 4, 1)
    const theirs = (model.predict(tf.tensor(samples, [4, 5, 4, 1])) as tf.Tensor).dataSync()
    expect(largestDifference(logits, theirs)).toBeLessThan(1e-5)
  })

  it('asks for effective kernels that model.save left behind', async () => {
    const model = smallNetwork()
    const path = join(folder, 'saved.json')
    await model.save(
      tf.io.withSaveHandler(async ({ weightData, weightSpecs, ...rest }) => {
        await writeFile(join(folder, 'saved.bin'), new Uint8Array(weightData as ArrayBuffer))
        const weightsManifest = [{ paths: ['saved.bin'], weights: weightSpecs }]
        await writeFile(path, JSON.stringify({ ...rest, weightsManifest }))
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } }
      }),
    )
    await expect(readTfjsModel(path)).rejects.toThrow(/may be older/)
    const description = await readTfjsModel(path, async (file) => describeModel(await loadModel(file)))
    expect(weightsOf(description)).toEqual(weightsOf(describeModel(model)))
  })

  it("reads what Keras' converter writes: shards, deel-lip's unnamed wbar", async () => {
    const values = (length: number, from: number) => Float32Array.from({ length }, (_, i) => Math.sin(from + i))
    const weights: [string, number[], Float32Array][] = [
      ['conv/kernel', [2, 2, 1, 2], values(8, 0)],
      ['conv/bias', [2], values(2, 9)],
      ['conv/sn', [1, 2], values(2, 0)],
      ['conv/sigma', [1, 1], values(1, 0)],
      ['Variable', [2, 2, 1, 2], values(8, 20)],
      ['conv/householder/theta', [1], values(1, 1)],
      ['dense/kernel', [24, 3], values(72, 40)],
      ['dense/bias', [3], values(3, 50)],
    ]
    const bytes = new Uint8Array(weights.flatMap(([, , data]) => [...new Uint8Array(data.buffer)]))
    // A shard may end in the middle of a number.
    await writeFile(join(folder, 'group1-shard1of2.bin'), bytes.subarray(0, 37))
    await writeFile(join(folder, 'group1-shard2of2.bin'), bytes.subarray(37))
    const path = join(folder, 'converted.json')
    await writeFile(
      path,
      JSON.stringify({
        format: 'layers-model',
        generatedBy: 'keras v2.15.0',
        convertedBy: 'TensorFlow.js Converter v4.22.0',
        modelTopology: {
          keras_version: '2.15.0',
          backend: 'tensorflow',
          model_config: {
            class_name: 'deel-lip>Sequential',
            config: {
              name: 'seq',
              k_coef_lip: 1,
              layers: [
                { class_name: 'InputLayer', config: { name: 'in', batch_input_shape: [null, 3, 4, 1] } },
                {
                  class_name: 'deel-lip>SpectralConv2D',
                  config: {
                    name: 'conv',
                    filters: 2,
                    kernel_size: [2, 2],
                    strides: [1, 1],
                    padding: 'same',
                    activation: { class_name: 'deel-lip>Householder', config: { name: 'h', k_coef_lip: 1 } },
                  },
                },
                { class_name: 'Flatten', config: { name: 'flatten' } },
                { class_name: 'Dense', config: { name: 'dense', units: 3, activation: 'linear' } },
              ],
            },
          },
        },
        weightsManifest: [
          {
            paths: ['group1-shard1of2.bin', 'group1-shard2of2.bin'],
            weights: weights.map(([name, shape]) => ({ name, shape, dtype: 'float32' })),
          },
        ],
      }),
    )
    const description = await readTfjsModel(path)
    const [, conv] = description.layers
    expect(conv!.weights.kernel!.data).toEqual(values(8, 20))
    expect(conv!.weights['activation/theta']!.data).toEqual(values(1, 1))
    expect(description.layers[3]!.weights.kernel!.dims).toEqual([24, 3])
    const { logits } = await onnxLogits(description, 2, 3)
    expect(logits.every(Number.isFinite)).toBe(true)
  })

  describe('layers of models inside the model', () => {
    const layer = (className: string, name: string, config: object = {}) => ({
      class_name: className,
      config: { name, ...config },
    })
    const block = { class_name: 'Sequential', config: { name: 'block', layers: [layer('Dense', 'a')] } }
    const input = layer('InputLayer', 'in', { batch_input_shape: [null, 1] })
    const nested = { class_name: 'Sequential', config: { name: 'net', layers: [input, block, layer('Dense', 'a')] } }

    async function kernels(...names: string[]): Promise<unknown> {
      const weights = names.map((name) => ({ name, shape: [1, 1], dtype: 'float32' }))
      await writeFile(join(folder, 'nested.bin'), new Uint8Array(Float32Array.from(names, (_, i) => i + 1).buffer))
      const path = join(folder, 'nested.json')
      const modelTopology = { keras_version: '3.15.1', model_config: nested }
      await writeFile(path, JSON.stringify({ modelTopology, weightsManifest: [{ paths: ['nested.bin'], weights }] }))
      const { layers } = await readTfjsModel(path)
      return layers.flatMap(({ name, weights: { kernel } }) => (kernel ? [[name, kernel.data[0]]] : []))
    }

    it('are found behind the names of their models', async () => {
      const expected = [
        ['block/a', 1],
        ['a', 2],
      ]
      expect(await kernels('net/block/a/kernel', 'net/a/kernel')).toEqual(expected)
      expect(await kernels('block/a/kernel', 'a/kernel')).toEqual(expected)
    })

    it('are refused where two have one name', async () => {
      await expect(kernels('a/kernel', 'a/kernel')).rejects.toThrow(/several weights 'a\/kernel'/)
    })
  })

  describe('refuses by name', () => {
    async function damaged(change: (json: Record<string, never>) => unknown, path = join(folder, 'damaged.json')) {
      await writeTfjsModel(smallNetwork(), path)
      const json = JSON.parse(await readFile(path, 'utf8'))
      change(json)
      await writeFile(path, JSON.stringify(json))
      return readTfjsModel(path)
    }
    type Json = {
      weightsManifest: { paths: string[]; weights: { name: string; shape: number[]; quantization?: object }[] }[]
      format: string
    }
    const edit = (change: (json: Json) => unknown) => damaged(change as never)

    it('quantised weights', async () => {
      const quantised = edit((json) => {
        json.weightsManifest[0]!.weights[1]!.quantization = { dtype: 'uint8', scale: 1, min: 0 }
      })
      await expect(quantised).rejects.toThrow(/'conv\/bias' of .* is quantised to uint8/)
    })
    it('shards outside the folder', async () => {
      const outside = edit((json) => {
        json.weightsManifest[0]!.paths[0] = '../../secret.bin'
      })
      await expect(outside).rejects.toThrow(/elsewhere/)
    })
    it('shards that are missing', async () => {
      const missing = edit((json) => {
        json.weightsManifest[0]!.paths[0] = 'nowhere.bin'
      })
      await expect(missing).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' })
    })
    it('shapes that do not add up', async () => {
      const short = edit((json) => {
        json.weightsManifest[0]!.weights[0]!.shape = [3, 3, 1, 3]
      })
      await expect(short).rejects.toThrow(/The weights of/)
    })
    it('weights of another model', async () => {
      const path = join(folder, 'mixed.json')
      await writeTfjsModel(smallNetwork(), path)
      const bin = join(folder, 'mixed.weights.bin')
      const bytes = await readFile(bin)
      bytes[5]! ^= 1
      await writeFile(bin, bytes)
      await expect(readTfjsModel(path)).rejects.toThrow(/not those it was written with/)
    })
    it('graph models', async () => {
      const graph = edit((json) => {
        json.format = 'graph-model'
      })
      await expect(graph).rejects.toThrow(/graph model/)
    })
    it('anything else that is JSON', async () => {
      const path = join(folder, 'other.json')
      for (const text of ['[1]', '{}', 'null', '{"modelTopology": {"class_name": "Sequential"}}', 'no']) {
        await writeFile(path, text)
        await expect(readTfjsModel(path)).rejects.toMatchObject({ code: 'DATA_INVALID' })
      }
    })
  })
})

function weightsOf(description: Awaited<ReturnType<typeof readTfjsModel>>) {
  return description.layers.map(({ className, name, weights }) => ({
    className,
    name,
    weights: Object.fromEntries(
      Object.entries(weights)
        .filter(([role]) => role !== 'batches')
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([role, { dims, data }]) => [role, { dims: [...dims], data: [...data] }]),
    ),
  }))
}
