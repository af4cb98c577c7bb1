import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { strToU8, zipSync } from 'fflate'
import { File, type Group, ready } from 'h5wasm/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readKerasModel } from '../../src/export/keras/read-keras.ts'

let folder: string
beforeAll(async () => {
  await ready
  folder = await mkdtemp(join(tmpdir(), 'lip-onnx-keras-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Path of a group or of an array in it -> its elements, or the name that Keras notes beside the variables. */
type Contents = Readonly<Record<string, readonly number[] | string>>

async function writeH5(path: string, contents: Contents, config?: object): Promise<void> {
  const file = new File(path, 'w')
  const groupAt = (parts: readonly string[]): Group =>
    parts.reduce<Group>(
      (group, part) => {
        if (!group.keys().includes(part)) group.create_group(part)
        return group.get(part) as Group
      },
      file as unknown as Group,
    )
  for (const [place, content] of Object.entries(contents)) {
    const parts = place.split('/')
    if (typeof content === 'string') groupAt(parts).create_attribute('name', content)
    else {
      const data = Float32Array.from(content)
      groupAt(parts.slice(0, -1)).create_dataset({ name: parts.at(-1)!, data, shape: [data.length], dtype: '<f4' })
    }
  }
  if (config) file.create_attribute('model_config', JSON.stringify(config))
  file.close()
}

async function archive(config: object, contents: Contents): Promise<string> {
  const weights = join(folder, 'weights.h5')
  await writeH5(weights, contents)
  const path = join(folder, 'model.keras')
  const files = {
    'config.json': strToU8(JSON.stringify(config)),
    'metadata.json': strToU8(JSON.stringify({ keras_version: '3.15.1' })),
    'model.weights.h5': new Uint8Array(await readFile(weights)),
  }
  await writeFile(path, zipSync(files))
  return path
}

const layer = (className: string, name: string, config: object = {}) => ({
  class_name: className,
  config: { name, ...config },
})
const input = layer('InputLayer', 'in', { batch_shape: [null, 4, 4, 2] })
const sequential = (name: string, ...layers: readonly object[]) => ({
  class_name: 'Sequential',
  config: { name, layers },
})

async function weightsIn(path: string): Promise<Record<string, Record<string, number[]>>> {
  const { layers } = await readKerasModel(path)
  return Object.fromEntries(
    layers
      .filter(({ weights }) => Object.keys(weights).length > 0)
      .map(({ name, weights }) => [
        name,
        Object.fromEntries(Object.entries(weights).map(([role, { data }]) => [role, [...data]])),
      ]),
  )
}

describe('variables that Keras numbers', () => {
  it("takes the effective kernel of deel-lip's transposed convolution, with and without a bias", async () => {
    const config = sequential(
      'net',
      input,
      layer('SpectralConv2DTranspose', 'up'),
      layer('SpectralConv2DTranspose', 'again', { use_bias: false }),
    )
    const path = await archive(config, {
      'layers/spectral_conv2d_transpose/vars/0': [1],
      'layers/spectral_conv2d_transpose/vars/1': [2],
      'layers/spectral_conv2d_transpose/vars/2': [3],
      'layers/spectral_conv2d_transpose/vars/3': [4],
      'layers/spectral_conv2d_transpose/vars/4': [5],
      'layers/spectral_conv2d_transpose_1/vars/0': [1],
      'layers/spectral_conv2d_transpose_1/vars/1': [3],
      'layers/spectral_conv2d_transpose_1/vars/2': [4],
      'layers/spectral_conv2d_transpose_1/vars/3': [6],
    })
    expect(await weightsIn(path)).toEqual({ up: { kernel: [5], bias: [2] }, again: { kernel: [6] } })
  })

  it('knows the order of the layers that have more than a kernel', async () => {
    const config = sequential(
      'net',
      input,
      layer('SeparableConv2D', 'separable'),
      layer('Normalization', 'statistics'),
      layer('LayerNormalization', 'shifted', { scale: false }),
      layer('BatchNormalization', 'batch', { center: false }),
    )
    const path = await archive(config, {
      'layers/separable_conv2d/vars/0': [1],
      'layers/separable_conv2d/vars/1': [2],
      'layers/separable_conv2d/vars/2': [3],
      'layers/normalization/vars/0': [4],
      'layers/normalization/vars/1': [5],
      'layers/normalization/vars/2': [6],
      'layers/layer_normalization/vars/0': [7],
      'layers/batch_normalization/vars/0': [8],
      'layers/batch_normalization/vars/1': [9],
      'layers/batch_normalization/vars/2': [10],
    })
    expect(await weightsIn(path)).toEqual({
      separable: { depthwise_kernel: [1], pointwise_kernel: [2], bias: [3] },
      statistics: { mean: [4], variance: [5], count: [6] },
      shifted: { beta: [7] },
      batch: { gamma: [8], moving_mean: [9], moving_variance: [10] },
    })
  })
})

describe('configurations that describe no model', () => {
  it.each([
    [null, /describes no model/],
    [{ class_name: 'Sequential', config: null }, /only Sequential and functional/],
    [{ class_name: 'Sequential', config: { layers: [null] } }, /layer without a class/],
    [{ class_name: 'Sequential', config: { layers: [{ class_name: 'Dense' }] } }, /layer without a class/],
    [{ class_name: 'Sequential', config: { layers: [] } }, /does not declare the shape/],
    [{ class_name: 'Custom', config: { layers: [] } }, /holds a Custom model/],
  ])('%j', async (config, message) => {
    await expect(archive(config as never, { 'layers/none': 'none' }).then(readKerasModel)).rejects.toThrow(message)
  })
})

describe('numbers of fewer bits', () => {
  it.each(['<b', '<B', '<h'])('%s is refused', async (dtype) => {
    const path = join(folder, 'few.h5')
    await writeH5(path, {}, sequential('net', input, layer('Dense', 'dense')))
    const file = new File(path, 'a')
    file.create_group('model_weights')
    const group = (file.get('model_weights') as Group).create_group('dense')
    group.create_dataset({ name: 'kernel', data: [1, 2], shape: [2], dtype })
    file.close()
    await expect(readKerasModel(path)).rejects.toThrow(/'model_weights\/dense\/kernel'.*fewer than 32 bits/)
  })
})

describe('models inside the model', () => {
  const dense = (name: string) => layer('Dense', name, { units: 2 })
  const nested = sequential('net', input, sequential('block', dense('a'), dense('b')), dense('a'))

  it('have weights of their own in an archive', async () => {
    const path = await archive(nested, {
      'layers/sequential/vars': 'block',
      'layers/sequential/layers/dense/vars': 'a',
      'layers/sequential/layers/dense/vars/0': [1],
      'layers/sequential/layers/dense_1/vars': 'b',
      'layers/sequential/layers/dense_1/vars/0': [2],
      'layers/dense/vars': 'a',
      'layers/dense/vars/0': [3],
    })
    expect(await weightsIn(path)).toEqual({
      'block/a': { kernel: [1] },
      'block/b': { kernel: [2] },
      a: { kernel: [3] },
    })
  })

  it.each([
    ['Keras 3 sequential', 'block/net/block/'],
    ['Keras 3 functional', 'block/'],
    ['Keras 2', 'block/'],
  ])('have weights of their own in a legacy file: %s', async (keras, within) => {
    const ending = keras === 'Keras 2' ? ':0' : ''
    const path = join(folder, 'model.h5')
    const contents = {
      [`model_weights/${within}a/kernel${ending}`]: [1],
      [`model_weights/${within}b/kernel${ending}`]: [2],
      [`model_weights/a/net/a/kernel${ending}`]: [3],
    }
    await writeH5(path, contents, nested)
    expect(await weightsIn(path)).toEqual({
      'block/a': { kernel: [1] },
      'block/b': { kernel: [2] },
      a: { kernel: [3] },
    })
  })
})
