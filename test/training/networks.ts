/**
 * Small networks that cover what training must serve, and batches for them.
 * @module
 */
import { createDataset, type Dataset } from '../../src/data/dataset.ts'
import { randomStream } from '../../src/linalg/random.ts'
import type { TrainingConfig } from '../../src/training/config.ts'

type Layers = TrainingConfig['network']['layers']

export interface NetworkCase {
  readonly name: string
  /** Channels last. */
  readonly inputShape: readonly number[]
  readonly layers: Layers
  readonly mode?: TrainingConfig['network']['mode']
  readonly loss?: TrainingConfig['loss']
  /** Of TensorFlow.js; default wasm, which cannot differentiate Keras' own Conv2D. */
  readonly backend?: 'cpu'
}

const groupSort2 = { class_name: 'GroupSort', config: { n: 2 } }
const fullSort = { class_name: 'FullSort', config: {} }
const head = (units = 4): Layers[number] => ({
  className: 'FrobeniusDense',
  config: { units, use_bias: false, disjoint_neurons: true },
})
const HKR = { className: 'MulticlassHKR', config: { alpha: 10, min_margin: 0.5 } }

export const CASES: readonly NetworkCase[] = [
  {
    name: 'the demo in small: convolutions, GroupSort, L2 pooling',
    inputShape: [8, 8, 1],
    layers: [
      { className: 'SpectralConv2D', config: { filters: 4, kernel_size: [3, 3], activation: groupSort2 } },
      { className: 'ScaledL2NormPooling2D', config: { pool_size: [2, 2] } },
      { className: 'SpectralConv2D', config: { filters: 6, kernel_size: [3, 3], activation: groupSort2 } },
      { className: 'Flatten' },
      { className: 'SpectralDense', config: { units: 8, activation: groupSort2 } },
      head(),
    ],
  },
  {
    name: 'three channels, a stride, average pooling, no bias',
    inputShape: [9, 7, 3],
    layers: [
      {
        className: 'SpectralConv2D',
        config: { filters: 6, kernel_size: [3, 3], strides: [2, 2], use_bias: false, activation: groupSort2 },
      },
      { className: 'ScaledAveragePooling2D', config: { pool_size: [2, 2] } },
      { className: 'Flatten' },
      head(),
    ],
  },
  {
    name: 'FullSort and MaxMin on vectors, cross-entropy',
    inputShape: [6],
    layers: [
      { className: 'SpectralDense', config: { units: 12, activation: fullSort } },
      { className: 'SpectralDense', config: { units: 8 } },
      { className: 'MaxMin' },
      { className: 'SpectralDense', config: { units: 4 } },
    ],
    loss: { className: 'TauCategoricalCrossentropy', config: { tau: 5 } },
  },
  {
    name: "Keras' own layers, a soft HKR whose statistics span the batch",
    inputShape: [6, 6, 2],
    backend: 'cpu',
    layers: [
      {
        className: 'Conv2D',
        config: {
          filters: 4,
          kernel_size: [3, 3],
          padding: 'same',
          activation: 'relu',
          kernel_initializer: 'orthogonal',
        },
      },
      { className: 'Flatten' },
      { className: 'Dense', config: { units: 8, activation: 'tanh', kernel_initializer: 'orthogonal' } },
      { className: 'Dense', config: { units: 4, use_bias: false, kernel_initializer: 'orthogonal' } },
    ],
    loss: { className: 'MulticlassSoftHKR', config: { alpha: 5, min_margin: 1, temperature: 3 } },
  },
  {
    name: 'regularizers on kernels and biases',
    inputShape: [6, 6, 1],
    layers: [
      {
        className: 'SpectralConv2D',
        config: {
          filters: 4,
          kernel_size: [3, 3],
          bias_initializer: 'ones',
          bias_regularizer: { class_name: 'L2', config: { l2: 0.1 } },
          kernel_regularizer: { class_name: 'LorthRegularizer', config: { lambda_lorth: 0.3 } },
        },
      },
      { className: 'Flatten' },
      {
        className: 'SpectralDense',
        config: { units: 4, kernel_regularizer: { class_name: 'OrthDenseRegularizer', config: { lambda_orth: 0.2 } } },
      },
    ],
  },
  {
    name: "one output for two classes, the notebook's numerics",
    inputShape: [5],
    mode: 'deel-lip-1.2',
    layers: [{ className: 'SpectralDense', config: { units: 8, activation: groupSort2 } }, head(1)],
    loss: { className: 'HKR', config: { alpha: 10, min_margin: 1 } },
  },
]

export function configOf(network: NetworkCase, more: Partial<TrainingConfig> = {}): TrainingConfig {
  return {
    name: 'tiny',
    data: { name: 'shapes' },
    network: { inputShape: network.inputShape, kCoefLip: 1, mode: network.mode ?? 'strict', layers: network.layers },
    loss: network.loss ?? HKR,
    optimizer: { name: 'adam', learningRate: 0.01 },
    batchSize: 8,
    epochs: 3,
    seed: 7,
    ...more,
  }
}

export const outputsOf = (network: NetworkCase): number => Number(network.layers.at(-1)!.config!.units)

/** Random samples, channels first, that a network of this case takes. */
export function samplesFor(network: NetworkCase, count: number, split: 'train' | 'test' = 'train'): Dataset {
  const shape = network.inputShape
  const dims = shape.length === 3 ? [shape[2]!, shape[0]!, shape[1]!] : [...shape]
  const classes = Math.max(2, outputsOf(network))
  const stream = randomStream(11, split === 'train' ? 0 : 1)
  return createDataset({
    name: 'noise',
    split,
    dims,
    classes: Array.from({ length: classes }, (_, i) => String(i)),
    images: Float32Array.from({ length: count * dims.reduce((a, b) => a * b, 1) }, () => stream.uniform()),
    labels: Int32Array.from({ length: count }, () => stream.integer(classes)),
    source: 'drawn for a test',
  })
}
