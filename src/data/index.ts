/**
 * Labelled images: datasets by name, .npy arrays, and the files they come from.
 * @module
 */
export { readArrays } from './arrays.ts'
export { CATALOGUE, findDataset, loadDataset } from './catalogue.ts'
export { createDataset, type Dataset, type Split } from './dataset.ts'
export type { DatasetDefinition, DatasetRequest } from './definition.ts'
export { parseIdx } from './idx.ts'
export { encodeNpy, type NpyValue, parseNpy, readNpy } from './npy.ts'
