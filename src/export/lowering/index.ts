/**
 * Which layer is lowered by which file. To export a new layer: one file in this folder, one line here.
 * @module
 */
import { lowerNamed } from './activation.ts'
import { lowerBatchLipNorm, lowerBatchNormalization, lowerLayerCentering } from './centering.ts'
import { lowerConv2D } from './conv2d.ts'
import { lowerConv2DTranspose } from './conv2d-transpose.ts'
import { lowerDense } from './dense.ts'
import { lowerDepthwiseConv2D } from './depthwise-conv2d.ts'
import { lowerFlatten } from './flatten.ts'
import { lowerGlobalAveragePooling2D, lowerGlobalL2NormPooling2D, lowerGlobalMaxPooling2D } from './global-pooling.ts'
import { lowerGroupSort } from './group-sort.ts'
import { lowerHouseholder } from './householder.ts'
import { lowerInvertibleDownSampling, lowerInvertibleUpSampling } from './invertible-sampling.ts'
import { lowerL2NormPooling2D } from './l2-norm-pooling.ts'
import type { LayerLowering } from './lowering.ts'
import { lowerMaxMin } from './max-min.ts'
import { lowerConcatenate, lowerElementwise, lowerLipResidual } from './merge.ts'
import { lowerLayerNormalization, lowerNormalization } from './normalization.ts'
import { lowerPRelu } from './p-relu.ts'
import { lowerPooling2D, lowerScaledAveragePooling2D } from './pooling.ts'
import { lowerElu, lowerLeakyRelu, lowerRelu } from './relu.ts'
import { lowerAugmentation, lowerMargins, lowerNoise, lowerNothing, lowerRescaling } from './rescaling.ts'
import { lowerPermute, lowerReshape } from './reshape.ts'
import { lowerSeparableConv2D } from './separable-conv2d.ts'
import { lowerSLLConv2D, lowerSLLDense } from './sll.ts'
import { lowerUpSampling2D } from './up-sampling.ts'

export const LOWERINGS: Readonly<Record<string, LayerLowering>> = {
  InputLayer: lowerNothing,
  Dropout: lowerNoise,
  GaussianNoise: lowerNoise,
  GaussianDropout: lowerNoise,
  SpatialDropout2D: lowerNoise,
  AlphaDropout: lowerNoise,
  RandomFlip: lowerAugmentation,
  RandomRotation: lowerAugmentation,
  RandomTranslation: lowerAugmentation,
  RandomZoom: lowerAugmentation,
  RandomBrightness: lowerAugmentation,
  RandomContrast: lowerAugmentation,
  ActivityRegularization: lowerNothing,
  Identity: lowerNothing,
  Normalization: lowerNormalization,
  Rescaling: lowerRescaling,
  ZeroPadding2D: lowerMargins,
  Cropping2D: lowerMargins,
  UpSampling2D: lowerUpSampling2D,
  SpectralConv2D: lowerConv2D,
  FrobeniusConv2D: lowerConv2D,
  OrthoConv2D: lowerConv2D,
  AOLConv2D: lowerConv2D,
  PadConv2D: lowerConv2D,
  Conv2D: lowerConv2D,
  DepthwiseConv2D: lowerDepthwiseConv2D,
  SeparableConv2D: lowerSeparableConv2D,
  SpectralConv2DTranspose: lowerConv2DTranspose,
  Conv2DTranspose: lowerConv2DTranspose,
  SLLConv2D: lowerSLLConv2D,
  SpectralDense: lowerDense,
  FrobeniusDense: lowerDense,
  AOLDense: lowerDense,
  Dense: lowerDense,
  SLLDense: lowerSLLDense,
  Flatten: lowerFlatten,
  Reshape: lowerReshape,
  Permute: lowerPermute,
  InvertibleDownSampling: lowerInvertibleDownSampling,
  InvertibleUpSampling: lowerInvertibleUpSampling,
  GroupSort: lowerGroupSort,
  GroupSort2: lowerGroupSort,
  FullSort: lowerGroupSort,
  MaxMin: lowerMaxMin,
  Householder: lowerHouseholder,
  PReLUlip: lowerPRelu,
  PReLU: lowerPRelu,
  ReLU: lowerRelu,
  LeakyReLU: lowerLeakyRelu,
  ELU: lowerElu,
  Softmax: (desk, layer) => lowerNamed(desk, layer, 'softmax'),
  Activation: (desk, layer) => lowerNamed(desk, layer, String(layer.config.activation)),
  ScaledL2NormPooling2D: lowerL2NormPooling2D,
  ScaledAveragePooling2D: lowerScaledAveragePooling2D,
  ScaledGlobalL2NormPooling2D: lowerGlobalL2NormPooling2D,
  ScaledGlobalAveragePooling2D: lowerGlobalAveragePooling2D,
  AveragePooling2D: lowerPooling2D,
  MaxPooling2D: lowerPooling2D,
  GlobalAveragePooling2D: lowerGlobalAveragePooling2D,
  GlobalMaxPooling2D: lowerGlobalMaxPooling2D,
  LayerCentering: lowerLayerCentering,
  BatchCentering: lowerBatchLipNorm,
  BatchLipNorm: lowerBatchLipNorm,
  BatchNormalization: lowerBatchNormalization,
  LayerNormalization: lowerLayerNormalization,
  LipResidual: lowerLipResidual,
  Add: lowerElementwise,
  Subtract: lowerElementwise,
  Average: lowerElementwise,
  Multiply: lowerElementwise,
  Maximum: lowerElementwise,
  Minimum: lowerElementwise,
  Concatenate: lowerConcatenate,
}
