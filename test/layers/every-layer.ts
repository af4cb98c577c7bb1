import * as L from '../../src/layers/index.ts'
import type * as tf from '../../src/layers/tf.ts'

export interface LayerCase {
  readonly name: string
  /** Of one sample. */
  readonly input: readonly number[]
  readonly make: () => tf.layers.Layer
}

const sort = () => new L.GroupSort({ n: 2, kCoefLip: 2 })

/** One of each, with every constructor argument away from its default. */
export const EVERY_LAYER: readonly LayerCase[] = [
  {
    name: 'SpectralDense',
    input: [6],
    make: () =>
      new L.SpectralDense({
        name: 'a',
        units: 4,
        activation: sort(),
        useBias: true,
        kernelInitializer: new L.SpectralInitializer({
          epsSpectral: 1e-2,
          epsBjorck: null,
          betaBjorck: 0.3,
          kCoefLip: 0.5,
          baseInitializer: 'glorot_normal',
          seed: 5,
        }),
        biasInitializer: { class_name: 'Constant', config: { value: 0.25 } },
        kernelRegularizer: new L.OrthDenseRegularizer({ lambdaOrth: 0.5 }),
        biasRegularizer: 'l2',
        kernelConstraint: new L.SpectralConstraint({
          kCoefLip: 2,
          epsSpectral: 1e-2,
          epsBjorck: 1e-2,
          betaBjorck: 0.4,
        }),
        biasConstraint: new L.WeightClipConstraint({ c: 3 }),
        kCoefLip: 0.7,
        epsSpectral: 2e-3,
        epsBjorck: 2e-3,
        betaBjorck: 0.4,
        maxiterSpectral: 7,
        maxiterBjorck: 9,
        seed: 11,
        trainable: true,
      }),
  },
  {
    name: 'SpectralDense without Björck',
    input: [5],
    make: () =>
      new L.SpectralDense({ units: 3, epsBjorck: null, activation: 'relu', kernelInitializer: 'glorot_normal' }),
  },
  {
    name: 'FrobeniusDense',
    input: [6],
    make: () =>
      new L.FrobeniusDense({
        units: 3,
        useBias: false,
        disjointNeurons: false,
        kCoefLip: 2,
        kernelConstraint: new L.FrobeniusConstraint({ eps: 1e-3 }),
      }),
  },
  {
    name: 'SpectralConv2D',
    input: [6, 5, 2],
    make: () =>
      new L.SpectralConv2D({
        filters: 4,
        kernelSize: [3, 2],
        strides: [2, 1],
        activation: new L.Householder(),
        kernelConstraint: new L.AutoWeightClipConstraint({ scale: 3 }),
        kCoefLip: 0.9,
        maxiterBjorck: 5,
      }),
  },
  {
    name: 'SpectralConv2D channels first',
    input: [2, 5, 6],
    make: () => new L.SpectralConv2D({ filters: 3, kernelSize: 3, dataFormat: 'channels_first' }),
  },
  {
    name: 'SpectralConv2DTranspose',
    input: [3, 4, 2],
    make: () => new L.SpectralConv2DTranspose({ filters: 3, kernelSize: 3, strides: 2, activation: 'tanh' }),
  },
  {
    name: 'FrobeniusConv2D',
    input: [5, 5, 2],
    make: () => new L.FrobeniusConv2D({ filters: 1, kernelSize: 3, kCoefLip: 3 }),
  },
  ...(['same', 'valid', 'constant', 'reflect', 'symmetric', 'circular', 'replicate'] as const).map((padding) => ({
    name: `PadConv2D ${padding}`,
    input: [6, 7, 2],
    make: () => new L.PadConv2D({ filters: 3, kernelSize: 3, padding, strides: 2, seed: 4 }),
  })),
  {
    name: 'PadConv2D dilated',
    input: [8, 7, 2],
    make: () => new L.PadConv2D({ filters: 3, kernelSize: [3, 2], padding: 'same', dilationRate: [2, 3], seed: 4 }),
  },
  {
    name: 'ScaledAveragePooling2D',
    input: [5, 6, 2],
    make: () => new L.ScaledAveragePooling2D({ poolSize: [2, 3], kCoefLip: 2 }),
  },
  {
    name: 'ScaledL2NormPooling2D',
    input: [5, 6, 2],
    make: () => new L.ScaledL2NormPooling2D({ poolSize: [2, 3], epsGradSqrt: 1e-3, kCoefLip: 2 }),
  },
  {
    name: 'ScaledGlobalAveragePooling2D',
    input: [3, 4, 2],
    make: () => new L.ScaledGlobalAveragePooling2D({ kCoefLip: 2 }),
  },
  {
    name: 'ScaledGlobalL2NormPooling2D',
    input: [3, 4, 2],
    make: () => new L.ScaledGlobalL2NormPooling2D({ epsGradSqrt: 1e-4, kCoefLip: 3 }),
  },
  { name: 'InvertibleDownSampling', input: [4, 6, 3], make: () => new L.InvertibleDownSampling({ poolSize: [2, 3] }) },
  { name: 'InvertibleUpSampling', input: [2, 3, 12], make: () => new L.InvertibleUpSampling({ poolSize: [2, 3] }) },
  { name: 'MaxMin', input: [3, 4], make: () => new L.MaxMin({ kCoefLip: 2 }) },
  { name: 'GroupSort', input: [2, 12], make: () => new L.GroupSort({ n: 4, kCoefLip: 2 }) },
  { name: 'GroupSort2', input: [12], make: () => new L.GroupSort2({ kCoefLip: 2 }) },
  { name: 'FullSort', input: [40], make: () => new L.FullSort({ kCoefLip: 2 }) },
  {
    name: 'Householder',
    input: [3, 6],
    make: () =>
      new L.Householder({ kCoefLip: 2, thetaInitializer: { class_name: 'Constant', config: { value: 0.7 } } }),
  },
  { name: 'PReLUlip', input: [7], make: () => new L.PReLUlip({ kCoefLip: 0.5 }) },
  { name: 'LayerCentering', input: [3, 4, 2], make: () => new L.LayerCentering({ kCoefLip: 2, useBias: true }) },
  { name: 'BatchCentering', input: [5], make: () => new L.BatchCentering({ kCoefLip: 2 }) },
  {
    name: 'BatchLipNorm',
    input: [3, 2, 4],
    make: () => new L.BatchLipNorm({ kCoefLip: 2, eps: 1e-4, momentum: 0.9, clipScale: false }),
  },
  {
    name: 'OrthoConv2D',
    input: [4, 4, 3],
    make: () => new L.OrthoConv2D({ filters: 4, kernelSize: 3, kCoefLip: 0.5, epsBjorck: 1e-4, maxiterBjorck: 20 }),
  },
  {
    name: 'OrthoConv2D strided',
    input: [4, 4, 2],
    make: () => new L.OrthoConv2D({ filters: 6, kernelSize: 3, strides: 2, padding: 'same' }),
  },
  {
    name: 'AOLDense',
    input: [5],
    make: () => new L.AOLDense({ units: 7, kCoefLip: 2, kernelInitializer: 'glorot_normal' }),
  },
  {
    name: 'AOLConv2D',
    input: [4, 5, 3],
    make: () => new L.AOLConv2D({ filters: 2, kernelSize: 3, strides: 2, padding: 'same' }),
  },
  { name: 'SLLDense', input: [5], make: () => new L.SLLDense({ units: 7, kCoefLip: 2 }) },
  { name: 'SLLConv2D', input: [4, 5, 3], make: () => new L.SLLConv2D({ filters: 2, kernelSize: 3 }) },
]
