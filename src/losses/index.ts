/**
 * deel-lip's losses, under their own names.
 * @module
 */
export { CategoricalHinge } from './categorical-hinge.ts'
export { createLoss } from './create-loss.ts'
export { HingeMargin } from './hinge-margin.ts'
export { HKR, type HKROptions } from './hkr.ts'
export { KR } from './kr.ts'
export { processLabelsForMultiGpu } from './labels.ts'
export { Loss, type LossConfig } from './loss.ts'
export { LseHKR, type LseHKROptions } from './lse-hkr.ts'
export { MultiMargin } from './multi-margin.ts'
export { MulticlassHinge } from './multiclass-hinge.ts'
export { MulticlassHKR } from './multiclass-hkr.ts'
export { MulticlassKR } from './multiclass-kr.ts'
export { MulticlassSoftHKR } from './multiclass-soft-hkr.ts'
export { TauBinaryCrossentropy } from './tau-binary-crossentropy.ts'
export { TauCategoricalCrossentropy } from './tau-categorical-crossentropy.ts'
export { TauSparseCategoricalCrossentropy } from './tau-sparse-categorical-crossentropy.ts'
