/**
 * Which layer is lowered by which file. To export a new layer: one file in this folder, one line here.
 * @module
 */
import { lowerNamed } from './activation.ts'
import { lowerAveragePooling2D } from './average-pooling.ts'
import { lowerConv2D } from './conv2d.ts'
import { lowerDense } from './dense.ts'
import { lowerFlatten } from './flatten.ts'
import { lowerGroupSort } from './group-sort.ts'
import { lowerL2NormPooling2D } from './l2-norm-pooling.ts'
import type { LayerLowering } from './lowering.ts'
import { lowerMaxMin } from './max-min.ts'

export const LOWERINGS: Readonly<Record<string, LayerLowering>> = {
  InputLayer: () => {},
  Dropout: () => {},
  SpectralConv2D: lowerConv2D,
  FrobeniusConv2D: lowerConv2D,
  Conv2D: lowerConv2D,
  SpectralDense: lowerDense,
  FrobeniusDense: lowerDense,
  Dense: lowerDense,
  Flatten: lowerFlatten,
  GroupSort: lowerGroupSort,
  GroupSort2: lowerGroupSort,
  FullSort: lowerGroupSort,
  MaxMin: lowerMaxMin,
  ScaledL2NormPooling2D: lowerL2NormPooling2D,
  ScaledAveragePooling2D: lowerAveragePooling2D,
  AveragePooling2D: lowerAveragePooling2D,
  ReLU: (desk, layer) => lowerNamed(desk, layer, 'relu'),
  Softmax: (desk, layer) => lowerNamed(desk, layer, 'softmax'),
  Activation: (desk, layer) => lowerNamed(desk, layer, String(layer.config.activation)),
}
