/**
 * deel-lip's layers on TensorFlow.js, under their own names.
 * @module
 */

export { AOLConv2D } from './aol-conv2d.ts'
export { AOLDense } from './aol-dense.ts'
export { BatchCentering } from './batch-centering.ts'
export { BatchLipNorm } from './batch-lip-norm.ts'
export { createLayer, isOwnLayer, registerLayer } from './config/layer-registry.ts'
export * from './constraints/index.ts'
export { evaluateLipConst } from './evaluate-lip-const.ts'
export { FrobeniusConv2D } from './frobenius-conv2d.ts'
export { FrobeniusDense, type FrobeniusDenseOptions } from './frobenius-dense.ts'
export { FullSort } from './full-sort.ts'
export { GroupSort, type GroupSortOptions } from './group-sort.ts'
export { GroupSort2 } from './group-sort2.ts'
export { Householder } from './householder.ts'
export { Orthogonal } from './initializers/orthogonal.ts'
export { resolveInitializer } from './initializers/resolve-initializer.ts'
export { SpectralInitializer } from './initializers/spectral-initializer.ts'
export { InvertibleDownSampling } from './invertible-down-sampling.ts'
export { InvertibleUpSampling } from './invertible-up-sampling.ts'
export { LayerCentering } from './layer-centering.ts'
export { LipResidual } from './lip-residual.ts'
export {
  type Condensable,
  isCondensable,
  isLipschitz,
  type Lipschitz,
  LipschitzLayer,
} from './lipschitz-layer.ts'
export { MaxMin } from './max-min.ts'
export { Model, type ModelOptions } from './model.ts'
export * from './normalizers/index.ts'
export { OrthoConv2D } from './ortho-conv2d.ts'
export { PadConv2D } from './pad-conv2d.ts'
export { PReLUlip } from './prelu-lip.ts'
export * from './regularizers/index.ts'
export { type EffectiveWeights, ReparametrisedLayer } from './reparametrised-layer.ts'
export { ScaledAveragePooling2D } from './scaled-average-pooling2d.ts'
export { ScaledGlobalAveragePooling2D } from './scaled-global-average-pooling2d.ts'
export { ScaledGlobalL2NormPooling2D } from './scaled-global-l2-norm-pooling2d.ts'
export { ScaledL2NormPooling2D } from './scaled-l2-norm-pooling2d.ts'
export { Sequential, type SequentialOptions } from './sequential.ts'
export { SLLConv2D } from './sll-conv2d.ts'
export { SLLDense } from './sll-dense.ts'
export { SpectralConv2D, type SpectralConv2DOptions } from './spectral-conv2d.ts'
export { SpectralConv2DTranspose } from './spectral-conv2d-transpose.ts'
export { SpectralDense, type SpectralDenseOptions } from './spectral-dense.ts'
export { vanillaModel } from './vanilla-model.ts'
