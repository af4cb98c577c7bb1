import { describe, expect, it } from 'vitest'
import type { LayerDescription, WeightArray } from '../../src/export/description.ts'
import { certifiedModel } from '../../src/export/export-model.ts'
import { lower } from '../../src/export/lower.ts'
import { GraphBuilder } from '../../src/onnx/builder.ts'
import { encodeModel } from '../../src/onnx/write.ts'

const array = (dims: readonly number[], data: readonly number[]): WeightArray => ({
  dims,
  data: Float32Array.from(data),
})

/** A layer after an InputLayer for every input: the layers of a network on one input, read by them all. */
function network(className: string, config: object, inputShape: readonly number[], weights = {}) {
  const layer: LayerDescription = { className, name: 'layer', config: { ...config }, weights }
  return { name: 'one', inputShape, layers: [layer] }
}

/** Keras' output of the layer for one sample, flat and channels last, through onnxruntime. */
async function run(layers: ReturnType<typeof network>, sample: readonly number[]): Promise<number[]> {
  const ort = await import('onnxruntime-node')
  const builder = new GraphBuilder()
  const lowered = lower(layers, builder, { batch: 1, weights: 'initializers' })
  const session = await ort.InferenceSession.create(encodeModel(builder.build()))
  const channels = layers.inputShape.at(-1)!
  const x = Float32Array.from(channelsFirst(sample, channels))
  const result = await session.run({ input: new ort.Tensor('float32', x, [1, ...lowered.inputDims]) })
  const { data, dims } = result[lowered.output]!
  await session.release()
  return channelsLast([...(data as Float32Array)], dims[1]!)
}

function channelsFirst(values: readonly number[], channels: number): number[] {
  const pixels = values.length / channels
  return values.map((_, i) => values[(i % pixels) * channels + Math.floor(i / pixels)]!)
}

function channelsLast(values: readonly number[], channels: number): number[] {
  const pixels = values.length / channels
  return values.map((_, i) => values[(i % channels) * pixels + Math.floor(i / channels)]!)
}

describe('layers of Keras, by their definitions', () => {
  it.each([
    ['Normalization given', 'Normalization', { axis: [-1], mean: [1, 2], variance: [4, 0.25] }, {}, [1, 4]],
    [
      'Normalization adapted',
      'Normalization',
      { axis: -1, mean: null, variance: null },
      { mean: array([2], [1, 2]), variance: array([2], [4, 0.25]) },
      [1, 4],
    ],
    ['Normalization without axis', 'Normalization', { axis: null, mean: 1, variance: 4 }, {}, [1, 1.5]],
    ['Rescaling', 'Rescaling', { scale: [2, 1], offset: 1 }, {}, [7, 5]],
    ['silu', 'Activation', { activation: 'silu' }, {}, [3 / (1 + Math.exp(-3)), 4 / (1 + Math.exp(-4))]],
    ['gelu', 'Activation', { activation: 'gelu' }, {}, [2.99595031, 3.99987331]],
    ['relu6', 'Activation', { activation: 'relu6' }, {}, [3, 4]],
    ['clipped leaky ReLU', 'ReLU', { max_value: 3.5, negative_slope: 0.1 }, {}, [3, 3.5]],
    ['Identity', 'Identity', {}, {}, [3, 4]],
    ['RandomFlip', 'RandomFlip', {}, {}, [3, 4]],
  ] as const)('%s', async (_, className, config, weights, expected) => {
    const actual = await run(network(className, config, [2], weights), [3, 4])
    expect(actual).toHaveLength(2)
    for (const [i, value] of actual.entries()) expect(value).toBeCloseTo(expected[i]!, 5)
  })

  it('leaky activations keep their slopes below zero', async () => {
    expect(await run(network('Activation', { activation: 'leaky_relu' }, [1]), [-5])).toEqual([-1])
    const relu = network('ReLU', { max_value: 3.5, negative_slope: 0.5 }, [1])
    expect(await run(relu, [-5])).toEqual([-2.5])
  })

  it('LayerNormalization normalises every pixel by itself', async () => {
    const weights = { gamma: array([2], [1, 2]), beta: array([2], [0, 1]) }
    const images = network('LayerNormalization', { axis: [-1], epsilon: 0 }, [2, 1, 2], weights)
    // (1, 3) and (5, 1): -1, 1 and 1, -1.
    expect(await run(images, [1, 3, 5, 1])).toEqual([-1, 3, 1, -1])
    const vectors = network('LayerNormalization', { epsilon: 3, center: false }, [2], { gamma: weights.gamma })
    expect(await run(vectors, [1, 3])).toEqual([-0.5, 1])
  })

  it('UpSampling2D repeats pixels, or interpolates between their centres', async () => {
    const repeated = network('UpSampling2D', { size: [1, 2] }, [1, 2, 1])
    expect(await run(repeated, [1, 5])).toEqual([1, 1, 5, 5])
    const between = network('UpSampling2D', { size: [1, 2], interpolation: 'bilinear' }, [1, 2, 1])
    expect(await run(between, [1, 5])).toEqual([1, 2, 4, 5])
  })

  it('SeparableConv2D', async () => {
    const weights = {
      depthwise_kernel: array([1, 2, 2, 1], [1, 10, 2, 20]),
      pointwise_kernel: array([1, 1, 2, 1], [1, -1]),
      bias: array([1], [0.5]),
    }
    const config = { filters: 1, kernel_size: [1, 2], padding: 'valid' }
    // Pixels (1, 2), (3, 4): 1 + 2 * 3 = 7 and 10 * 2 + 20 * 4 = 100.
    expect(await run(network('SeparableConv2D', config, [1, 2, 2], weights), [1, 2, 3, 4])).toEqual([7 - 100 + 0.5])
  })

  it("InvertibleUpSampling mixes rows and columns as deel-lip's does", async () => {
    const config = { pool_size: [1, 2], compat: 'deel-lip' }
    // deel-lip on 0 ... 7 as one row of two pixels with four channels: four rows of one pixel with two.
    const upside = network('InvertibleUpSampling', config, [1, 2, 4])
    expect(await run(upside, [0, 1, 2, 3, 4, 5, 6, 7])).toEqual([0, 2, 1, 3, 4, 6, 5, 7])
  })

  it.each([
    ['Maximum', [3, 4]],
    ['Minimum', [-3, 1]],
    ['Multiply', [-9, 4]],
  ] as const)('%s', async (className, expected) => {
    const dense = (name: string, diagonal: readonly [number, number]): LayerDescription => ({
      className: 'Dense',
      name,
      config: { units: 2, use_bias: false },
      weights: { kernel: array([2, 2], [diagonal[0], 0, 0, diagonal[1]]) },
      inputs: [],
    })
    const merge = { className, name: 'merge', config: {}, weights: {}, inputs: ['a', 'b'] }
    const layers = [dense('a', [1, 1]), dense('b', [-1, 0.25]), merge]
    expect(await run({ name: 'two', inputShape: [2], layers }, [3, 4])).toEqual(expected)
  })

  it('Concatenate joins rows too', async () => {
    const images = (name: string): LayerDescription => ({
      className: 'InputLayer',
      name,
      config: {},
      weights: {},
      inputs: [],
    })
    const sorted: LayerDescription = { className: 'GroupSort2', name: 'sorted', config: {}, weights: {}, inputs: ['a'] }
    const join = { className: 'Concatenate', name: 'join', config: { axis: 1 }, weights: {}, inputs: ['a', 'sorted'] }
    const layers = [images('a'), sorted, join]
    expect(await run({ name: 'rows', inputShape: [1, 1, 4], layers }, [4, 3, 1, 2])).toEqual([4, 3, 1, 2, 3, 4, 1, 2])
  })

  it('a product of two branches is written, and nothing is claimed of it', async () => {
    const input: LayerDescription = { className: 'InputLayer', name: 'in', config: {}, weights: {}, inputs: [] }
    const product = { className: 'Multiply', name: 'product', config: {}, weights: {}, inputs: ['in', 'in'] }
    const { claim, refused } = await certifiedModel({ name: 'square', inputShape: [2], layers: [input, product] })
    expect(claim.upper).toBe(Number.POSITIVE_INFINITY)
    expect(refused).toHaveLength(1)
  })

  it.each([
    ['Flatten', { data_format: 'channels_first' }, /Flatten.*data_format = channels_first/],
    ['UpSampling2D', { interpolation: 'lanczos3' }, /interpolation = lanczos3/],
    ['Normalization', { mean: [1, 2, 3], variance: [1, 1, 1] }, /3 means and 3 variances for 2 channels/],
    ['Normalization', { mean: [1, 2], variance: [1, 1], invert: true }, /invert/],
    ['Rescaling', { scale: [1, 2, 3] }, /scale = \[1,2,3\]/],
    ['LayerNormalization', { axis: 1 }, /axis = 1/],
    ['ReLU', { threshold: 1 }, /threshold/],
  ] as const)('refuses %s %j', (className, config, message) => {
    const layers = network(className, config, [2, 2, 2])
    expect(() => lower(layers, new GraphBuilder(), { batch: 1, weights: 'initializers' })).toThrow(message)
  })
})
