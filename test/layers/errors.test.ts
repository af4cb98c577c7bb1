import { beforeAll, describe, expect, it } from 'vitest'
import { LipError } from '../../src/errors.ts'
import * as L from '../../src/layers/index.ts'
import * as tf from '../../src/layers/tf.ts'
import { startBackend } from '../../src/training/backend.ts'

/** deel-lip's table of exceptions (reference, 12c), with its messages. */
const TABLE: readonly (readonly [string, () => unknown, RegExp])[] = [
  ['eps_spectral', () => new L.SpectralDense({ units: 2, epsSpectral: 0 }), /eps_spectral has to be > 0/],
  ['eps_bjorck', () => new L.SpectralDense({ units: 2, epsBjorck: -1 }), /eps_bjorck must be > 0/],
  ['beta_bjorck', () => new L.SpectralDense({ units: 2, betaBjorck: 0.6 }), /beta_bjorck must be in \]0, 0\.5\]/],
  ['initializer', () => new L.SpectralInitializer({ epsBjorck: 0 }), /eps_bjorck must be > 0/],
  ['constraint', () => new L.SpectralConstraint({ betaBjorck: 0 }), /beta_bjorck must be in/],
  [
    'conv dilation',
    () => new L.SpectralConv2D({ filters: 1, kernelSize: 3, dilationRate: 2 }),
    /SpectralConv2D does not support dilation rate/,
  ],
  [
    'conv padding',
    () => new L.SpectralConv2D({ filters: 1, kernelSize: 3, padding: 'valid' }),
    /SpectralConv2D only supports padding='same'/,
  ],
  [
    'conv padding case',
    () => new L.SpectralConv2D({ filters: 1, kernelSize: 3, padding: 'SAME' }),
    /only supports padding='same'/,
  ],
  [
    'conv data format',
    () => new L.SpectralConv2D({ filters: 1, kernelSize: 3, dataFormat: 'nchw' }),
    /data_format not understood: nchw/,
  ],
  [
    'transpose dilation',
    () => new L.SpectralConv2DTranspose({ filters: 1, kernelSize: 3, dilationRate: [2, 2] }),
    /does not support dilation rate/,
  ],
  [
    'transpose padding',
    () => new L.SpectralConv2DTranspose({ filters: 1, kernelSize: 3, padding: 'valid' }),
    /only supports padding='same'/,
  ],
  [
    'transpose output padding',
    () => new L.SpectralConv2DTranspose({ filters: 1, kernelSize: 3, outputPadding: 1 as never }),
    /only supports output_padding=None/,
  ],
  [
    'frobenius strides',
    () => new L.FrobeniusConv2D({ filters: 1, kernelSize: 3, strides: 2 }),
    /does not support strides/,
  ],
  [
    'frobenius dilation',
    () => new L.FrobeniusConv2D({ filters: 1, kernelSize: 3, dilationRate: 2 }),
    /does not support dilation rate/,
  ],
  [
    'frobenius padding',
    () => new L.FrobeniusConv2D({ filters: 1, kernelSize: 3, padding: 'valid' }),
    /only supports padding='same'/,
  ],
  [
    'frobenius constraint',
    () => new L.FrobeniusConv2D({ filters: 1, kernelSize: 3, kernelConstraint: 'maxNorm' }),
    /only deellip constraints are allowed/,
  ],
  [
    'pool strides',
    () => new L.ScaledAveragePooling2D({ poolSize: 2, strides: 1 }),
    /stride must be equal to pool_size/,
  ],
  [
    'pool padding',
    () => new L.ScaledL2NormPooling2D({ padding: 'same' }),
    /ScaledL2NormPooling2D only supports padding='valid'/,
  ],
  ['pool eps', () => new L.ScaledL2NormPooling2D({ epsGradSqrt: -1 }), /eps_grad_sqrt must be positive/],
  ['global pool eps', () => new L.ScaledGlobalL2NormPooling2D({ epsGradSqrt: -1 }), /eps_grad_sqrt must be positive/],
  [
    'invertible size',
    () => new L.InvertibleDownSampling({ poolSize: [2, 2, 2] }),
    /Expected 2-dimensional pool_size, but got \[2,2,2\]/,
  ],
  [
    'group sort format',
    () => new L.GroupSort({ dataFormat: 'channels_first' }),
    /channels_first not implemented for GroupSort activation/,
  ],
  ['group sort format unknown', () => new L.GroupSort({ dataFormat: 'x' }), /data format not understood/],
  ['max min format', () => new L.MaxMin({ dataFormat: 'x' }), /data format not understood/],
  [
    'householder format',
    () => new L.Householder({ dataFormat: 'channels_first' }),
    /Only 'channels_last' data format is supported/,
  ],
  [
    'group sort divisor',
    () => new L.GroupSort({ n: 4 }).apply(tf.zeros([1, 6])),
    /self\.n has to be a divisor of the number of channels/,
  ],
  [
    'householder divisor',
    () => new L.Householder().apply(tf.zeros([1, 5])),
    /2 has to be a divisor of the number of channels/,
  ],
  [
    'coefficient before build',
    () => new L.SpectralDense({ units: 2 }).getCoef(),
    /compute_coef must be called before calling get_coef/,
  ],
  [
    'down-sampling size',
    () => new L.InvertibleDownSampling({ poolSize: 2 }).apply(tf.zeros([1, 3, 4, 1])),
    /3x4 does not divide/,
  ],
  [
    'up-sampling channels',
    () => new L.InvertibleUpSampling({ poolSize: 2 }).apply(tf.zeros([1, 3, 4, 6])),
    /6 channels do not divide/,
  ],
  ['lorth even', () => new L.LorthRegularizer({ kernelShape: [2, 2, 3, 4] }), /Lorth regularizer requires odd kernels/],
  ['lorth RO', () => new L.LorthRegularizer({ kernelShape: [1, 1, 2, 8], stride: 2 }), /Impossible RO configuration/],
  ['lorth CO', () => new L.LorthRegularizer({ kernelShape: [1, 1, 2, 9], stride: 2 }), /Impossible CO configuration/],
  ['lorth dim', () => new L.LorthRegularizer({ dim: 1 }), /Only 2D convolutions are supported for Lorth/],
  ['units', () => new L.SpectralDense({ units: 0 }), /units of layer .* must be a positive integer, got 0/],
  [
    'kernel size',
    () => new L.SpectralConv2D({ filters: 1, kernelSize: [3, 3, 3] }),
    /kernel_size of layer .* must be a positive integer or two/,
  ],
  [
    'k_coef_lip',
    () => new L.SpectralDense({ units: 1, kCoefLip: 0 }),
    /k_coef_lip of layer .* must be a positive number, got 0/,
  ],
  [
    'unknown size',
    () => new L.SpectralConv2D({ filters: 1, kernelSize: 3 }).build([null, null, 4, 1]),
    /images of a known height/,
  ],
  [
    'unknown initializer',
    () => new L.SpectralDense({ units: 1, kernelInitializer: 'fancy' }),
    /Unknown initializer "fancy"/,
  ],
  ['unknown activation', () => new L.SpectralDense({ units: 1, activation: 'fancy' }), /Unknown activation "fancy"/],
  ['unknown layer', () => L.createLayer({ className: 'Fancy', config: {} }), /Unknown layer class "Fancy"/],
  [
    'unknown padding',
    () => new L.PadConv2D({ filters: 1, kernelSize: 3, padding: 'fancy' }),
    /Unknown padding "fancy"/,
  ],
  [
    'ortho kernel',
    () => new L.OrthoConv2D({ filters: 1, kernelSize: 1, strides: 2 }),
    /at least as large as its stride/,
  ],
]

describe('errors', () => {
  beforeAll(async () => {
    await startBackend('wasm')
  })

  for (const [name, work, message] of TABLE) {
    it(name, () => {
      expect(work).toThrow(LipError)
      expect(work).toThrow(message)
    })
  }
})

describe('warnings of Sequential', () => {
  const warningsOf = (...layers: tf.layers.Layer[]): string[] => {
    const warnings: string[] = []
    new L.Sequential({ layers, onWarning: (message) => warnings.push(message) })
    return warnings
  }
  const inputShape = [8, 8, 2]

  it('are silent about 1-Lipschitz layers', () => {
    const silent = [
      () => tf.layers.flatten({ inputShape }),
      () => tf.layers.reshape({ targetShape: [128], inputShape }),
      () => tf.layers.softmax({ inputShape: [4] }),
      () => tf.layers.reLU({ inputShape }),
      () => tf.layers.activation({ activation: 'tanh', inputShape }),
      () => tf.layers.maxPooling2d({ poolSize: [2, 2], inputShape }),
      () => tf.layers.leakyReLU({ alpha: 0.3, inputShape }),
      () => new L.ScaledL2NormPooling2D({ inputShape }),
      () => new L.SpectralDense({ units: 2, inputShape: [4] }),
    ]
    for (const make of silent) expect(warningsOf(make())).toEqual([])
  })

  it('name every other layer', () => {
    const loud = [
      () => tf.layers.maxPooling2d({ poolSize: [3, 3], strides: [2, 2], inputShape }),
      () => tf.layers.maxPooling2d({ poolSize: [2, 3], strides: [3, 2], inputShape }),
      () => tf.layers.leakyReLU({ alpha: 5, inputShape }),
      () => tf.layers.dense({ units: 2, inputShape: [4] }),
      () => tf.layers.conv2d({ filters: 2, kernelSize: 3, inputShape }),
      () => tf.layers.upSampling2d({ inputShape }),
      () => tf.layers.dropout({ rate: 0.5, inputShape }),
      () => tf.layers.activation({ activation: 'gelu' as 'relu', inputShape }),
      () => new L.PadConv2D({ filters: 2, kernelSize: 3, inputShape }),
    ]
    for (const make of loud) {
      const layer = make()
      expect(warningsOf(layer)).toEqual([
        `Sequential model contains a layer which is not a 1-Lipschitz layer: ${layer.name}`,
      ])
    }
  })

  it('k_coef_lip is split over all Lipschitz layers, whatever they were built with', () => {
    const dense = new L.SpectralDense({ units: 4, kCoefLip: 5, activation: new L.GroupSort({ n: 2 }), inputShape: [4] })
    const inner = new L.Sequential({ layers: [new L.SpectralDense({ units: 4, inputShape: [4] }), new L.GroupSort2()] })
    const model = new L.Sequential({ kCoefLip: 8, layers: [dense, new L.FullSort(), inner] })
    expect(dense.kCoefLip).toBeCloseTo(2, 12)
    expect(inner.kCoefLip).toBeCloseTo(2, 12)
    expect(inner.layers.map((layer) => (layer as L.SpectralDense).kCoefLip)).toEqual([
      expect.closeTo(Math.SQRT2, 12),
      expect.closeTo(Math.SQRT2, 12),
    ])
    expect(model.getCoef()).toBeCloseTo(8, 12)
  })
})
