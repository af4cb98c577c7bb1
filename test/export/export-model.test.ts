import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { NetworkDescription, WeightArray } from '../../src/export/description.ts'
import { certifiedModel, exportModel } from '../../src/export/export-model.ts'
import { readKerasModel } from '../../src/export/keras/read-keras.ts'
import { CLAIM_KEY } from '../../src/gate/claims.ts'
import { randomStream } from '../../src/linalg/random.ts'
import { readModel } from '../../src/onnx/read.ts'

const DEMO4 = '../shared/keras/demo4/deel-lip-demo4.keras'

function weights(seed: number, ...dims: number[]): WeightArray {
  const stream = randomStream(seed)
  return { dims, data: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => stream.normal()) }
}

/** Weights far above their shares, so that scaling is what makes the file hold its claim. */
function loudNetwork(): NetworkDescription {
  return {
    name: 'loud',
    inputShape: [6, 5, 2],
    layers: [
      {
        className: 'SpectralConv2D',
        name: 'conv',
        config: {
          filters: 4,
          kernel_size: [3, 3],
          padding: 'same',
          activation: { class_name: 'GroupSort', config: { n: 2 } },
        },
        weights: { kernel: weights(1, 3, 3, 2, 4), bias: weights(2, 4) },
      },
      { className: 'ScaledL2NormPooling2D', name: 'pool', config: { pool_size: [2, 2] }, weights: {} },
      { className: 'Flatten', name: 'flatten', config: {}, weights: {} },
      {
        className: 'FrobeniusDense',
        name: 'head',
        config: { units: 3, use_bias: false },
        weights: { kernel: weights(3, 24, 3) },
      },
    ],
  }
}

describe('exportModel', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lip-onnx-export-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('scales every layer to its share and claims exactly that', async () => {
    const path = join(folder, 'loud.onnx')
    const { layers, claim } = await exportModel(loudNetwork(), path)
    for (const layer of layers) {
      expect(layer.before).toBeGreaterThan(1.5)
      expect(layer.after).toBeLessThanOrEqual(1)
      expect(layer.after).toBeGreaterThan(1 - 1e-4)
    }
    expect(claim).toEqual({ of: 'logit', upper: 1 })
    const { model } = await readModel(path)
    expect(JSON.parse(model.metadata.get(CLAIM_KEY)!)).toEqual({ network: claim, layers: { conv: 1 } })
    expect(model.opsets.get('')).toBe(18)
    expect(model.irVersion).toBeLessThanOrEqual(10)
    expect(await readdir(folder)).toEqual(['loud.onnx'])
  })

  it('leaves the weights alone in deel-lip mode and claims what is proved of them', async () => {
    const { layers, claim } = await certifiedModel(loudNetwork(), { mode: 'deel-lip' })
    expect(layers.map(({ before, after }) => after / before)).toEqual([1, 1])
    expect(claim.upper).toBeGreaterThan(2)
  })

  it('refuses weights that are not finite', async () => {
    const network = loudNetwork()
    network.layers[0]!.weights.kernel!.data[5] = Number.NaN
    await expect(certifiedModel(network)).rejects.toThrow(/certified|NaN|finite/)
  })

  it('refuses a layer without an ONNX form by name', async () => {
    const network = loudNetwork()
    const odd = { className: 'LSTM', name: 'memory', config: {}, weights: {} }
    const whole = { ...network, layers: [...network.layers, odd] }
    await expect(certifiedModel(whole)).rejects.toThrow(/'memory' is a LSTM/)
  })

  it('cannot write into a folder that is not there, and leaves nothing behind', async () => {
    await expect(exportModel(loudNetwork(), join(folder, 'nowhere', 'x.onnx'))).rejects.toThrow(
      /The model '.*x\.onnx' cannot be written \(ENOENT\)/,
    )
    expect(await readdir(folder)).toEqual(['loud.onnx'])
  })

  it.skipIf(!existsSync(DEMO4))(
    "finds deel-lip's first convolution above 1 and says by how much it was scaled",
    async () => {
      const { layers } = await certifiedModel(await readKerasModel(DEMO4))
      const [conv1, conv2] = layers
      expect(conv1!.before).toBeGreaterThan(1.0243)
      expect(conv1!.before).toBeLessThan(1.0247)
      expect(conv2!.before).toBeGreaterThan(1.0243)
      expect(conv2!.before).toBeLessThan(1.0247)
      for (const layer of layers) expect(layer.after).toBeLessThanOrEqual(1)
    },
  )
})
