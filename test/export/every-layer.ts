import * as L from '../../src/layers/index.ts'
import * as tf from '../../src/layers/tf.ts'
import { type RandomStream, randomStream } from '../../src/linalg/random.ts'

/** A layer of random geometry for a given input, inside a small network. */
export interface LayerDraw {
  readonly name: string
  /** 'image': after a convolution of `channels` channels; 'vector': after a dense layer. */
  readonly after: 'image' | 'vector'
  /** Channels (features) that the layer needs to be a multiple of. */
  readonly multiple?: number
  /** Height and width have to be multiples of this. */
  readonly grid?: number
  readonly make: (random: RandomStream, shape: readonly number[]) => tf.layers.Layer
  /** Nothing sorts the channels before the layer: two sorts in a row are bounded loosely. */
  readonly alone?: boolean
  /** The constant of the layer as it stands; the network promises 1 where it is 1. */
  readonly constant?: 'one' | 'other'
}

const size = (random: RandomStream): [number, number] => [1 + random.integer(4), 1 + random.integer(4)]
const stride = (random: RandomStream): [number, number] => [1 + random.integer(3), 1 + random.integer(3)]
const channelsOf = (shape: readonly number[]): number => shape[shape.length - 1]!
const angle = { class_name: 'RandomUniform', config: { minval: -4, maxval: 4, seed: 3 } }

export const DRAWS: readonly LayerDraw[] = [
  { name: 'SpectralDense', after: 'vector', make: (r) => new L.SpectralDense({ units: 2 + r.integer(9), seed: 1 }) },
  {
    name: 'SpectralDense on images',
    after: 'image',
    make: (r) => new L.SpectralDense({ units: 2 + r.integer(6), activation: new L.GroupSort({ n: 1 }) }),
  },
  {
    name: 'SpectralDense(FullSort)',
    after: 'vector',
    make: (r) => new L.SpectralDense({ units: 2 + r.integer(9), activation: new L.FullSort() }),
  },
  {
    name: 'SpectralDense(Householder)',
    after: 'vector',
    make: (r) =>
      new L.SpectralDense({
        units: 2 * (1 + r.integer(4)),
        activation: new L.Householder({ thetaInitializer: angle }),
      }),
  },
  {
    name: 'SpectralConv2D(PReLUlip)',
    after: 'image',
    make: (r) => new L.SpectralConv2D({ filters: 1 + r.integer(5), kernelSize: size(r), activation: new L.PReLUlip() }),
  },
  {
    name: 'FrobeniusDense',
    after: 'vector',
    constant: 'other',
    make: (r) => new L.FrobeniusDense({ units: 2 + r.integer(5) }),
  },
  {
    name: 'FrobeniusDense as a whole',
    after: 'vector',
    make: (r) => new L.FrobeniusDense({ units: 2 + r.integer(5), disjointNeurons: false }),
  },
  { name: 'AOLDense', after: 'vector', make: (r) => new L.AOLDense({ units: 1 + r.integer(9) }) },
  { name: 'SLLDense', after: 'vector', make: (r) => new L.SLLDense({ units: 1 + r.integer(9) }) },
  {
    name: 'SpectralConv2D',
    after: 'image',
    make: (r) =>
      new L.SpectralConv2D({
        filters: 2 * (1 + r.integer(3)),
        kernelSize: size(r),
        strides: stride(r),
        activation: new L.GroupSort2(),
      }),
  },
  {
    name: 'SpectralConv2DTranspose',
    after: 'image',
    make: (r) =>
      new L.SpectralConv2DTranspose({
        filters: 2 * (1 + r.integer(3)),
        kernelSize: size(r),
        strides: stride(r),
        activation: new L.GroupSort2(),
      }),
  },
  {
    name: 'FrobeniusConv2D',
    after: 'image',
    make: (r) => new L.FrobeniusConv2D({ filters: 1 + r.integer(3), kernelSize: size(r) }),
  },
  ...(['circular', 'same'] as const).map(
    (padding): LayerDraw => ({
      name: `AOLConv2D ${padding}`,
      after: 'image',
      make: (r) => new L.AOLConv2D({ filters: 1 + r.integer(5), kernelSize: size(r), padding }),
    }),
  ),
  ...(['circular', 'same'] as const).map(
    (padding): LayerDraw => ({
      name: `OrthoConv2D ${padding}`,
      after: 'image',
      grid: 2,
      make: (r) => {
        const strides = 1 + r.integer(2)
        return new L.OrthoConv2D({ filters: 1 + r.integer(5), kernelSize: strides + r.integer(2), strides, padding })
      },
    }),
  ),
  {
    name: 'SLLConv2D',
    after: 'image',
    make: (r) => new L.SLLConv2D({ filters: 1 + r.integer(5), kernelSize: size(r) }),
  },
  ...(['same', 'valid', 'constant', 'reflect', 'symmetric', 'circular', 'replicate'] as const).map(
    (padding): LayerDraw => ({
      name: `PadConv2D ${padding}`,
      after: 'image',
      constant: 'other',
      make: (r) =>
        new L.PadConv2D({
          filters: 2 * (1 + r.integer(2)),
          kernelSize: size(r),
          strides: stride(r),
          padding,
          activation: new L.MaxMin(),
        }),
    }),
  ),
  { name: 'ScaledAveragePooling2D', after: 'image', make: (r) => new L.ScaledAveragePooling2D({ poolSize: size(r) }) },
  { name: 'ScaledL2NormPooling2D', after: 'image', make: (r) => new L.ScaledL2NormPooling2D({ poolSize: size(r) }) },
  { name: 'ScaledGlobalAveragePooling2D', after: 'image', make: () => new L.ScaledGlobalAveragePooling2D() },
  { name: 'ScaledGlobalL2NormPooling2D', after: 'image', make: () => new L.ScaledGlobalL2NormPooling2D() },
  {
    name: 'InvertibleDownSampling',
    after: 'image',
    grid: 6,
    make: (r) => new L.InvertibleDownSampling({ poolSize: [2 + r.integer(2), 1 + r.integer(3)] }),
  },
  {
    name: 'InvertibleUpSampling',
    after: 'image',
    multiple: 6,
    make: (r) => new L.InvertibleUpSampling({ poolSize: r.integer(2) ? [2, 3] : [3, 1] }),
  },
  { name: 'MaxMin', after: 'image', alone: true, make: () => new L.MaxMin() },
  { name: 'MaxMin after a sort', after: 'image', constant: 'other', make: () => new L.MaxMin() },
  { name: 'GroupSort', after: 'image', multiple: 3, make: () => new L.GroupSort({ n: 3 }) },
  { name: 'GroupSort2', after: 'image', multiple: 2, alone: true, make: () => new L.GroupSort2() },
  { name: 'GroupSort2 after a sort', after: 'image', multiple: 2, constant: 'other', make: () => new L.GroupSort2() },
  { name: 'FullSort', after: 'image', alone: true, make: () => new L.FullSort() },
  { name: 'FullSort after a sort', after: 'image', constant: 'other', make: () => new L.FullSort() },
  { name: 'Householder', after: 'image', multiple: 2, make: () => new L.Householder({ thetaInitializer: angle }) },
  { name: 'Householder of pi / 2', after: 'image', multiple: 2, make: () => new L.Householder() },
  { name: 'PReLUlip', after: 'image', make: () => new L.PReLUlip() },
  { name: 'PReLUlip on features', after: 'vector', make: () => new L.PReLUlip() },
  { name: 'LayerCentering', after: 'image', make: () => new L.LayerCentering() },
  { name: 'BatchCentering', after: 'image', make: () => new L.BatchCentering() },
  { name: 'BatchLipNorm', after: 'image', make: () => new L.BatchLipNorm() },
  {
    name: 'Dense',
    after: 'vector',
    constant: 'other',
    make: (r) => tf.layers.dense({ units: 1 + r.integer(9), activation: 'tanh' }),
  },
  {
    name: 'Conv2D',
    after: 'image',
    constant: 'other',
    make: (r) =>
      tf.layers.conv2d({
        filters: 1 + r.integer(5),
        kernelSize: size(r),
        strides: stride(r),
        padding: r.integer(2) ? 'same' : 'valid',
      }),
  },
  {
    name: 'Conv2DTranspose',
    after: 'image',
    constant: 'other',
    make: (r) =>
      tf.layers.conv2dTranspose({
        filters: 1 + r.integer(5),
        kernelSize: size(r),
        strides: stride(r),
        padding: r.integer(2) ? 'same' : 'valid',
      }),
  },
  {
    name: 'DepthwiseConv2D',
    after: 'image',
    constant: 'other',
    make: (r) => tf.layers.depthwiseConv2d({ kernelSize: size(r), depthMultiplier: 1 + r.integer(2), padding: 'same' }),
  },
  { name: 'BatchNormalization', after: 'image', constant: 'other', make: () => tf.layers.batchNormalization() },
  { name: 'MaxPooling2D', after: 'image', make: () => tf.layers.maxPooling2d({ poolSize: 2, padding: 'same' }) },
  {
    name: 'MaxPooling2D overlapping',
    after: 'image',
    constant: 'other',
    make: () => tf.layers.maxPooling2d({ poolSize: 3, strides: 2 }),
  },
  {
    name: 'AveragePooling2D',
    after: 'image',
    make: (r) => tf.layers.averagePooling2d({ poolSize: [2, 3], padding: r.integer(2) ? 'same' : 'valid' }),
  },
  { name: 'GlobalAveragePooling2D', after: 'image', make: () => tf.layers.globalAveragePooling2d({}) },
  { name: 'GlobalMaxPooling2D', after: 'image', make: () => tf.layers.globalMaxPooling2d({}) },
  { name: 'Reshape', after: 'image', make: (_, [h, w, c]) => tf.layers.reshape({ targetShape: [w!, c!, h!] }) },
  {
    name: 'Reshape from features',
    after: 'vector',
    multiple: 6,
    make: (_, shape) => tf.layers.reshape({ targetShape: [3, channelsOf(shape) / 6, 2] }),
  },
  { name: 'Permute', after: 'image', make: () => tf.layers.permute({ dims: [3, 1, 2] }) },
  {
    name: 'ZeroPadding2D',
    after: 'image',
    make: () =>
      tf.layers.zeroPadding2d({
        padding: [
          [1, 2],
          [0, 1],
        ],
      }),
  },
  {
    name: 'Cropping2D',
    after: 'image',
    make: () =>
      tf.layers.cropping2D({
        cropping: [
          [1, 2],
          [0, 1],
        ],
      }),
  },
  { name: 'ReLU', after: 'image', make: () => tf.layers.reLU() },
  { name: 'ReLU up to 0.1', after: 'image', make: () => tf.layers.reLU({ maxValue: 0.1 }) },
  { name: 'LeakyReLU', after: 'image', make: () => tf.layers.leakyReLU({ alpha: 0.2 }) },
  { name: 'ELU', after: 'image', make: () => tf.layers.elu() },
  { name: 'PReLU', after: 'image', constant: 'other', make: () => tf.layers.prelu({ sharedAxes: [1, 2] }) },
  { name: 'Activation', after: 'image', make: () => tf.layers.activation({ activation: 'sigmoid' }) },
  { name: 'Softmax', after: 'vector', make: () => tf.layers.softmax() },
  { name: 'Dropout', after: 'vector', make: () => tf.layers.dropout({ rate: 0.5 }) },
]

export interface DrawnNetwork {
  readonly model: L.Sequential
  readonly inputShape: readonly number[]
}

/** The layer between one that leaves its channels in another order (a sort of pairs) and one that ends in three logits. */
export function drawNetwork(draw: LayerDraw, seed: number): DrawnNetwork {
  const random = randomStream(seed)
  const grid = draw.grid ?? 1
  const multiple = (draw.multiple ?? 1) * (draw.multiple && draw.multiple % 2 === 0 ? 1 : 2)
  const channels = multiple * (1 + random.integer(2))
  const image = [grid * (1 + random.integer(2)), grid * (1 + random.integer(2)), 2]
  if (grid === 1) for (const axis of [0, 1]) image[axis]! += 3 + random.integer(2)
  const inputShape = draw.after === 'image' ? image : [3 + random.integer(4)]
  const activation = draw.alone ? null : new L.GroupSort2()
  const batchInputShape = [null, ...inputShape]
  const first =
    draw.after === 'image'
      ? new L.SpectralConv2D({ name: 'first', filters: channels, kernelSize: 2, activation, batchInputShape })
      : new L.SpectralDense({ name: 'first', units: channels, activation, batchInputShape })
  const layer = draw.make(random, [...inputShape.slice(0, -1), channels])
  const shape = layer.computeOutputShape([null, ...inputShape.slice(0, -1), channels]) as number[]
  const layers = [first, layer, ...(shape.length > 2 ? [tf.layers.flatten()] : [])]
  const model = new L.Sequential({
    layers: [...layers, new L.SpectralDense({ name: 'last', units: 3 })],
    onWarning: () => {},
  })
  for (const weight of model.layers.flatMap((inner) => inner.weights)) randomise(weight, random)
  return { model, inputShape }
}

/** Anything that training could leave behind. */
function randomise(weight: tf.LayerVariable, random: RandomStream): void {
  const role = weight.originalName.replace(/^.*\//, '')
  if (['sn', 'sigma', 'wbar', 'batches'].includes(role)) return
  const variable = weight.read() as tf.Variable
  const values = Float32Array.from({ length: variable.size }, () =>
    role === 'moving_variance' ? 0.3 + random.uniform() : role === 'q' ? 0.3 * random.normal() : random.normal(),
  )
  tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)))
}

/** Samples as both layouts: channels last for tfjs, channels first for ONNX. */
export function drawSamples(
  shape: readonly number[],
  count: number,
  seed: number,
): { last: Float32Array; first: Float32Array } {
  const random = randomStream(seed, 1)
  const channels = shape[shape.length - 1]!
  const pixels = shape.slice(0, -1).reduce((product, dim) => product * dim, 1)
  const last = Float32Array.from({ length: count * pixels * channels }, random.normal)
  const first = new Float32Array(last.length)
  for (let n = 0; n < count; n++)
    for (let pixel = 0; pixel < pixels; pixel++)
      for (let c = 0; c < channels; c++)
        first[(n * channels + c) * pixels + pixel] = last[(n * pixels + pixel) * channels + c]!
  return { last, first }
}
