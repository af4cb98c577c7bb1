/**
 * Norms of linear maps, enclosed: lower <= truth <= upper with the rounding of our own arithmetic paid on both sides.
 * @module
 */
export type { Enclosure } from '../../linalg/enclosure.ts'
export { lanczosLower } from '../../linalg/lanczos.ts'
export { vectorNormLower, vectorNormUpper } from '../../linalg/vector-norm.ts'
export { absoluteNorm } from './absolute.ts'
export { encloseCircular } from './circular.ts'
export { composeConvolutions, composeMatrices } from './compose.ts'
export { encloseConvolution, encloseTorus, type NormOptions } from './convolution.ts'
export { type EncloseAllOptions, encloseAll } from './enclose-all.ts'
export { addIdentity, scaleOutputChannels } from './fold.ts'
export { outputSize } from './geometry.ts'
export { encloseMatrix, matrixNormUpper } from './matrix.ts'
export { encloseStructure } from './structure.ts'
